import { type Collection, type Db, type Document, MongoClient, MongoServerError } from "mongodb";
import { Unavailable } from "../domain/errors.ts";
import { type AddressWishDocument, addressWishIndexes } from "./address-wishes.ts";
import { type ApiKeyDocument, apiKeyIndexes } from "./api-keys.ts";
import { type AttemptDocument, type AttemptResultDocument, attemptIndexes, attemptResultIndexes } from "./attempts.ts";
import { type AuditDocument, auditIndexes } from "./audit.ts";
import {
  type BudgetClaimDocument,
  budgetClaimIndexes,
  type CampaignBudgetDocument,
  campaignBudgetIndexes,
} from "./campaign-budgets.ts";
import { type CampaignDocument, campaignIndexes } from "./campaigns.ts";
import { type CartWatchDocument, cartWatchIndexes } from "./cart-watches.ts";
import { type CheckpointDocument, checkpointIndexes } from "./checkpoints.ts";
import { type ChoiceBucketDocument, choiceBucketIndexes } from "./choice-buckets.ts";
import { closeEndedSockets } from "./close-ended-sockets.ts";
import {
  type CodeDocument,
  type CodeDrawDocument,
  type CodePoolDocument,
  codeDrawIndexes,
  codeIndexes,
  codePoolIndexes,
} from "./code-pools.ts";
import { type ConsentRequestDocument, consentRequestIndexes } from "./consent-requests.ts";
import { type ConsentDocument, consentIndexes } from "./consents.ts";
import { type ContestDocument, contestIndexes } from "./contests.ts";
import { type ConversionDocument, conversionIndexes } from "./conversions.ts";
import { type DecisionDocument, decisionIndexes } from "./decisions.ts";
import {
  type DigestItemDocument,
  type DigestWindowDocument,
  digestItemIndexes,
  digestWindowIndexes,
} from "./digests.ts";
import { type EntryDocument, entryIndexes } from "./entries.ts";
import { type ErasureDocument, erasureIndexes } from "./erasures.ts";
import { type EventDocument, eventIndexes, orderEventIndexes } from "./events.ts";
import { type ExperimentLookDocument, experimentLookIndexes } from "./experiment-looks.ts";
import { type ExperimentDocument, experimentIndexes } from "./experiments.ts";
import { type ExposureDocument, exposureIndexes } from "./exposures.ts";
import { type FanOutDocument, fanOutIndexes } from "./fan-outs.ts";
import { type InboxDocument, inboxIndexes } from "./inbox.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { type InterventionDocument, interventionIndexes } from "./interventions.ts";
import { type OutboxDocument, outboxIndexes } from "./outbox.ts";
import { type PlacementOfferDocument, placementOfferIndexes } from "./placement-offers.ts";
import { type PredictionOutcomeDocument, predictionOutcomeIndexes } from "./prediction-outcomes.ts";
import { type PredictionDocument, predictionIndexes } from "./predictions.ts";
import { type ProductDocument, productIndexes } from "./products.ts";
import { type ProfileMergeDocument, profileMergeIndexes } from "./profile-merges.ts";
import { type ProfileDocument, profileIndexes } from "./profiles.ts";
import { type ProviderAccountDocument, providerAccountIndexes } from "./provider-accounts.ts";
import { type QuotaSlotDocument, quotaSlotIndexes } from "./quota-slots.ts";
import { type RetentionDocument, retentionIndexes } from "./retention.ts";
import { type RollupDocument, type RollupMarkDocument, rollupIndexes, rollupMarkIndexes } from "./rollups.ts";
import { type ScheduleDocument, scheduleIndexes } from "./schedules.ts";
import { type SegmentDocument, segmentIndexes } from "./segments.ts";
import { type ShopEventDocument, shopEventIndexes } from "./shop-events.ts";
import { type ShopperChangeDocument, shopperChangeIndexes } from "./shopper-changes.ts";
import { type ShopperDocument, shopperIndexes } from "./shoppers.ts";
import { type SoftBounceDocument, softBounceIndexes } from "./soft-bounces.ts";
import { type SubscriptionDocument, subscriptionIndexes } from "./subscriptions.ts";
import { type SuppressionDocument, suppressionIndexes } from "./suppressions.ts";
import {
  type TemplateDocument,
  type TemplateVersionDocument,
  templateIndexes,
  templateVersionIndexes,
} from "./templates.ts";
import { type TopicRuleDocument, topicRuleIndexes } from "./topic-rules.ts";
import {
  type JourneyVersionDocument,
  journeyVersionIndexes,
  type TravellerDocument,
  travellerIndexes,
} from "./travellers.ts";
import {
  type WebhookDeliveryDocument,
  type WebhookEndpointDocument,
  webhookDeliveryIndexes,
  webhookEndpointIndexes,
} from "./webhooks.ts";
import { type WorkspaceDocument, workspaceIndexes } from "./workspaces.ts";

type Definition<T extends Document> = {
  readonly name: string;
  readonly indexes: readonly IndexDefinition[];
  /** Of what it holds: never there. */
  readonly document?: T;
};
const collection = <T extends Document>(name: string, indexes: readonly IndexDefinition[]): Definition<T> => ({
  name,
  indexes,
});

/** Every collection. */
export const COLLECTIONS = {
  workspaces: collection<WorkspaceDocument>("workspaces", workspaceIndexes),
  apiKeys: collection<ApiKeyDocument>("api_keys", apiKeyIndexes),
  audit: collection<AuditDocument>("audit", auditIndexes),
  interventions: collection<InterventionDocument>("interventions", interventionIndexes),
  decisions: collection<DecisionDocument>("decisions", decisionIndexes),
  events: collection<EventDocument>("events", eventIndexes),
  orderEvents: collection<EventDocument>("order_events", orderEventIndexes),
  inbox: collection<InboxDocument>("inbox", inboxIndexes),
  checkpoints: collection<CheckpointDocument>("checkpoints", checkpointIndexes),
  predictions: collection<PredictionDocument>("predictions", predictionIndexes),
  predictionOutcomes: collection<PredictionOutcomeDocument>("prediction_outcomes", predictionOutcomeIndexes),
  campaigns: collection<CampaignDocument>("campaigns", campaignIndexes),
  shopEvents: collection<ShopEventDocument>("shop_events", shopEventIndexes),
  cartWatches: collection<CartWatchDocument>("cart_watches", cartWatchIndexes),
  entries: collection<EntryDocument>("campaign_entries", entryIndexes),
  products: collection<ProductDocument>("products", productIndexes),
  subscriptions: collection<SubscriptionDocument>("subscriptions", subscriptionIndexes),
  fanOuts: collection<FanOutDocument>("fan_outs", fanOutIndexes),
  topicRules: collection<TopicRuleDocument>("topic_rules", topicRuleIndexes),
  profiles: collection<ProfileDocument>("profiles", profileIndexes),
  consents: collection<ConsentDocument>("consents", consentIndexes),
  consentRequests: collection<ConsentRequestDocument>("consent_requests", consentRequestIndexes),
  profileMerges: collection<ProfileMergeDocument>("profile_merges", profileMergeIndexes),
  webhookEndpoints: collection<WebhookEndpointDocument>("webhook_endpoints", webhookEndpointIndexes),
  webhookDeliveries: collection<WebhookDeliveryDocument>("webhook_deliveries", webhookDeliveryIndexes),
  providerAccounts: collection<ProviderAccountDocument>("provider_accounts", providerAccountIndexes),
  attempts: collection<AttemptDocument>("attempts", attemptIndexes),
  attemptResults: collection<AttemptResultDocument>("attempt_results", attemptResultIndexes),
  outbox: collection<OutboxDocument>("outbox", outboxIndexes),
  choiceBuckets: collection<ChoiceBucketDocument>("choice_buckets", choiceBucketIndexes),
  erasures: collection<ErasureDocument>("erasures", erasureIndexes),
  quotaSlots: collection<QuotaSlotDocument>("quota_slots", quotaSlotIndexes),
  softBounces: collection<SoftBounceDocument>("soft_bounces", softBounceIndexes),
  addressWishes: collection<AddressWishDocument>("address_wishes", addressWishIndexes),
  suppressions: collection<SuppressionDocument>("suppressions", suppressionIndexes),
  retention: collection<RetentionDocument>("retention", retentionIndexes),
  conversions: collection<ConversionDocument>("conversions", conversionIndexes),
  rollups: collection<RollupDocument>("rollups", rollupIndexes),
  rollupMarks: collection<RollupMarkDocument>("rollup_marks", rollupMarkIndexes),
  schedules: collection<ScheduleDocument>("schedules", scheduleIndexes),
  campaignBudgets: collection<CampaignBudgetDocument>("campaign_budgets", campaignBudgetIndexes),
  budgetClaims: collection<BudgetClaimDocument>("budget_claims", budgetClaimIndexes),
  contests: collection<ContestDocument>("contests", contestIndexes),
  travellers: collection<TravellerDocument>("travellers", travellerIndexes),
  journeyVersions: collection<JourneyVersionDocument>("journey_versions", journeyVersionIndexes),
  segments: collection<SegmentDocument>("segments", segmentIndexes),
  digestItems: collection<DigestItemDocument>("digest_items", digestItemIndexes),
  digestWindows: collection<DigestWindowDocument>("digest_windows", digestWindowIndexes),
  placementOffers: collection<PlacementOfferDocument>("placement_offers", placementOfferIndexes),
  shopperChanges: collection<ShopperChangeDocument>("shopper_changes", shopperChangeIndexes),
  shoppers: collection<ShopperDocument>("shoppers", shopperIndexes),
  templates: collection<TemplateDocument>("templates", templateIndexes),
  templateVersions: collection<TemplateVersionDocument>("template_versions", templateVersionIndexes),
  codePools: collection<CodePoolDocument>("code_pools", codePoolIndexes),
  codes: collection<CodeDocument>("codes", codeIndexes),
  codeDraws: collection<CodeDrawDocument>("code_draws", codeDrawIndexes),
  experiments: collection<ExperimentDocument>("experiments", experimentIndexes),
  exposures: collection<ExposureDocument>("exposures", exposureIndexes),
  experimentLooks: collection<ExperimentLookDocument>("experiment_looks", experimentLookIndexes),
} as const;

type Collections = {
  readonly [Key in keyof typeof COLLECTIONS]: (typeof COLLECTIONS)[Key] extends Definition<infer T>
    ? Collection<T>
    : never;
};

/** The collections, with their indexes in place. */
export type Store = Collections & {
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
    const definitions = Object.entries(COLLECTIONS);
    await Promise.all(definitions.map(([, { name, indexes }]) => ensureIndexes(db, name, indexes)));
    return {
      ...(Object.fromEntries(
        definitions.map(([key, { name }]) => [key, db.collection(name)]),
      ) as unknown as Collections),
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
