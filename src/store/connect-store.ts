import { type Collection, type Db, MongoClient, MongoServerError } from "mongodb";
import { Unavailable } from "../domain/errors.ts";
import { type ApiKeyDocument, apiKeyIndexes } from "./api-keys.ts";
import { type AuditDocument, auditIndexes } from "./audit.ts";
import { type CampaignDocument, campaignIndexes } from "./campaigns.ts";
import { type CheckpointDocument, checkpointIndexes } from "./checkpoints.ts";
import { closeEndedSockets } from "./close-ended-sockets.ts";
import { type ConsentDocument, consentIndexes } from "./consents.ts";
import { type DecisionDocument, decisionIndexes } from "./decisions.ts";
import { type EntryDocument, entryIndexes } from "./entries.ts";
import { type ErasureDocument, erasureIndexes } from "./erasures.ts";
import { type EventDocument, eventIndexes } from "./events.ts";
import { type FanOutDocument, fanOutIndexes } from "./fan-outs.ts";
import { type InboxDocument, inboxIndexes } from "./inbox.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { type InterventionDocument, interventionIndexes } from "./interventions.ts";
import { type PredictionOutcomeDocument, predictionOutcomeIndexes } from "./prediction-outcomes.ts";
import { type PredictionDocument, predictionIndexes } from "./predictions.ts";
import { type ProductDocument, productIndexes } from "./products.ts";
import { type ProfileMergeDocument, profileMergeIndexes } from "./profile-merges.ts";
import { type ProfileDocument, profileIndexes } from "./profiles.ts";
import { type RetentionDocument, retentionIndexes } from "./retention.ts";
import { type ShopEventDocument, shopEventIndexes } from "./shop-events.ts";
import { type SubscriptionDocument, subscriptionIndexes } from "./subscriptions.ts";
import { type TopicRuleDocument, topicRuleIndexes } from "./topic-rules.ts";
import {
  type WebhookDeliveryDocument,
  type WebhookEndpointDocument,
  webhookDeliveryIndexes,
  webhookEndpointIndexes,
} from "./webhooks.ts";
import { type WorkspaceDocument, workspaceIndexes } from "./workspaces.ts";

/** The collections, with their indexes in place. */
export type Store = {
  readonly workspaces: Collection<WorkspaceDocument>;
  readonly apiKeys: Collection<ApiKeyDocument>;
  readonly audit: Collection<AuditDocument>;
  readonly interventions: Collection<InterventionDocument>;
  readonly decisions: Collection<DecisionDocument>;
  readonly events: Collection<EventDocument>;
  readonly inbox: Collection<InboxDocument>;
  readonly checkpoints: Collection<CheckpointDocument>;
  readonly predictions: Collection<PredictionDocument>;
  readonly predictionOutcomes: Collection<PredictionOutcomeDocument>;
  readonly campaigns: Collection<CampaignDocument>;
  readonly shopEvents: Collection<ShopEventDocument>;
  readonly entries: Collection<EntryDocument>;
  readonly products: Collection<ProductDocument>;
  readonly subscriptions: Collection<SubscriptionDocument>;
  readonly fanOuts: Collection<FanOutDocument>;
  readonly topicRules: Collection<TopicRuleDocument>;
  readonly profiles: Collection<ProfileDocument>;
  readonly consents: Collection<ConsentDocument>;
  readonly profileMerges: Collection<ProfileMergeDocument>;
  readonly webhookEndpoints: Collection<WebhookEndpointDocument>;
  readonly webhookDeliveries: Collection<WebhookDeliveryDocument>;
  readonly erasures: Collection<ErasureDocument>;
  readonly retention: Collection<RetentionDocument>;
  readonly db: Db;
  readonly ping: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** A server is looked for this long: one that restarts is waited for, and server and engine can be started together. */
const SELECTION_MS = 20_000;
/** An operation that has no answer by then counts as failed: not every server keeps a deadline by itself. */
const OPERATION_MS = 10_000;

/** Connects and makes the indexes that are missing.
 *  @throws Unavailable when no server answers. */
export async function connectStore(options: {
  readonly url: string;
  readonly database: string;
  readonly name: string;
}): Promise<Store> {
  const client = new MongoClient(options.url, {
    appName: options.name,
    serverSelectionTimeoutMS: SELECTION_MS,
    // OK means on disk, on a majority.
    writeConcern: { w: "majority", journal: true },
    readConcern: { level: "majority" },
    socketTimeoutMS: OPERATION_MS,
    connectTimeoutMS: OPERATION_MS,
    waitQueueTimeoutMS: OPERATION_MS,
    ignoreUndefined: true,
    maxPoolSize: 20,
  });
  const stopClosing = closeEndedSockets(client);
  const close = async () => {
    stopClosing();
    await client.close();
  };
  try {
    await client.connect();
    const db = client.db(options.database);
    await Promise.all([
      ensureIndexes(db, "workspaces", workspaceIndexes),
      ensureIndexes(db, "api_keys", apiKeyIndexes),
      ensureIndexes(db, "audit", auditIndexes),
      ensureIndexes(db, "interventions", interventionIndexes),
      ensureIndexes(db, "decisions", decisionIndexes),
      ensureIndexes(db, "events", eventIndexes),
      ensureIndexes(db, "inbox", inboxIndexes),
      ensureIndexes(db, "checkpoints", checkpointIndexes),
      ensureIndexes(db, "predictions", predictionIndexes),
      ensureIndexes(db, "prediction_outcomes", predictionOutcomeIndexes),
      ensureIndexes(db, "campaigns", campaignIndexes),
      ensureIndexes(db, "shop_events", shopEventIndexes),
      ensureIndexes(db, "campaign_entries", entryIndexes),
      ensureIndexes(db, "products", productIndexes),
      ensureIndexes(db, "subscriptions", subscriptionIndexes),
      ensureIndexes(db, "fan_outs", fanOutIndexes),
      ensureIndexes(db, "topic_rules", topicRuleIndexes),
      ensureIndexes(db, "profiles", profileIndexes),
      ensureIndexes(db, "consents", consentIndexes),
      ensureIndexes(db, "profile_merges", profileMergeIndexes),
      ensureIndexes(db, "webhook_endpoints", webhookEndpointIndexes),
      ensureIndexes(db, "webhook_deliveries", webhookDeliveryIndexes),
      ensureIndexes(db, "erasures", erasureIndexes),
      ensureIndexes(db, "retention", retentionIndexes),
    ]);
    return {
      workspaces: db.collection("workspaces"),
      apiKeys: db.collection("api_keys"),
      audit: db.collection("audit"),
      interventions: db.collection("interventions"),
      decisions: db.collection("decisions"),
      events: db.collection("events"),
      inbox: db.collection("inbox"),
      checkpoints: db.collection("checkpoints"),
      predictions: db.collection("predictions"),
      predictionOutcomes: db.collection("prediction_outcomes"),
      campaigns: db.collection("campaigns"),
      shopEvents: db.collection("shop_events"),
      entries: db.collection("campaign_entries"),
      products: db.collection("products"),
      subscriptions: db.collection("subscriptions"),
      fanOuts: db.collection("fan_outs"),
      topicRules: db.collection("topic_rules"),
      profiles: db.collection("profiles"),
      consents: db.collection("consents"),
      profileMerges: db.collection("profile_merges"),
      webhookEndpoints: db.collection("webhook_endpoints"),
      webhookDeliveries: db.collection("webhook_deliveries"),
      erasures: db.collection("erasures"),
      retention: db.collection("retention"),
      db,
      ping: async () => void (await db.command({ ping: 1 })),
      close,
    };
  } catch (error) {
    await close();
    throw new Unavailable("store", { cause: error });
  }
}

/** Index builds of one new collection collide when several processes start at once: that is tried again. */
async function ensureIndexes(db: Db, collection: string, indexes: readonly IndexDefinition[]): Promise<void> {
  if (indexes.length === 0) return;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await db.collection(collection).createIndexes(indexes.map((index) => ({ ...index, key: { ...index.key } })));
      return;
    } catch (error) {
      if (attempt === 5 || !(error instanceof MongoServerError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
    }
  }
}
