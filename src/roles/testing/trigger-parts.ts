import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import pino from "pino";
import { type Campaign, CampaignSchema, CampaignState } from "../../../gen/intervention/v1/campaign_pb.js";
import { Channel, Priority } from "../../../gen/intervention/v1/intervention_pb.js";
import { type Prediction, PredictionKind, PredictionSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import { Acceptor } from "../../accept/acceptor.ts";
import { connectParts } from "../../api/testing/start-api.ts";
import { CampaignDirectory } from "../../integrations/campaign-directory.ts";
import { createMetrics } from "../../observe/index.ts";
import { ErasedUsers } from "../../privacy/erased-users.ts";
import { campaignDocumentId, insertCampaign, toInterventionMessage, toPosition } from "../../store/index.ts";
import { until } from "../../testing/until.ts";
import { PredictionIntake } from "../prediction-intake.ts";
import { startPredictionIntake } from "../prediction-worker.ts";
import { type ShopperFacts, Triggers } from "../triggers.ts";

type CampaignInit = Extract<MessageInitShape<typeof CampaignSchema>, { $typeName?: never }>;
type PredictionInit = Extract<MessageInitShape<typeof PredictionSchema>, { $typeName?: never }>;

/** A prediction of the user "ada", made a moment ago. */
let made = 0;
export function prediction(changes: PredictionInit = {}): Prediction {
  made += 1;
  return create(PredictionSchema, {
    predictionId: `p${made}`,
    userId: "ada",
    kind: PredictionKind.ABANDONMENT_RISK,
    score: 0.9,
    model: "bg-nbd",
    modelVersion: "1",
    predictTime: timestampFromDate(new Date(Date.now() - 1_000 + made)),
    ...changes,
  });
}

/** Matching on servers of the test run, in as many processes as asked for: each call of `newProcess` is one. */
export async function startTriggers(facts: Partial<ShopperFacts> = {}) {
  const parts = await connectParts();
  const { store, bus, access } = parts;
  const log = pino({ level: "silent" });
  const metrics = createMetrics();
  const now = () => new Date();
  const campaigns = await CampaignDirectory.start({ store, bus, log });
  const erased = await ErasedUsers.start({ store, bus, access, log });
  const newProcess = (overrides: { acceptor?: Pick<Acceptor, "accept">; now?: () => Date } = {}) => {
    const triggers = new Triggers({
      ...{ access, bus, campaigns, metrics, now, store },
      acceptor: new Acceptor({ store, bus, now }),
      ...overrides,
      facts: { findContext: async () => undefined, findProfile: async () => undefined, ...facts },
    });
    const predictions = new PredictionIntake({ store, triggers, metrics, now });
    return { triggers, predictions };
  };
  const first = newProcess();
  return {
    ...parts,
    ...first,
    campaigns,
    erased,
    metrics,
    newProcess,
    startWorker: (process = first, check: (given: Prediction) => Prediction = (given) => given) =>
      startPredictionIntake({ bus, log, access, check, erased, metrics, now, ...process }),
    /** Makes a running campaign for abandonment risks, and waits until it is known. */
    async run(campaignId: string, changes: CampaignInit = {}): Promise<Campaign> {
      const campaign = create(CampaignSchema, {
        campaignId,
        name: `workspaces/main/campaigns/${campaignId}`,
        state: CampaignState.RUNNING,
        trigger: { on: { case: "prediction", value: PredictionKind.ABANDONMENT_RISK } },
        content: { title: "Still there?" },
        policy: { channels: [Channel.REALTIME, Channel.INBOX] },
        priority: Priority.NORMAL,
        ...changes,
      });
      const at = now();
      await insertCampaign(store, {
        _id: campaignDocumentId("main", campaignId),
        ...{ workspaceId: "main", campaignId, updatedAt: at, position: toPosition(at, campaignId) },
        campaign: new Binary(toBinary(CampaignSchema, campaign)),
      });
      bus.nc.publish(bus.subjects.campaignsChanged);
      if (campaign.state === CampaignState.RUNNING)
        await until(() => campaigns.findLive("main", campaignId, new Date()), "campaign known");
      return campaign;
    },
    /** Tells that a user was erased, and waits until that is known. */
    async erase(userId: string): Promise<void> {
      bus.nc.publish(bus.subjects.erased("main"), userId);
      const before = { workspace: "main", userId, heardAt: new Date(Date.now() - 60_000) };
      await until(() => erased.dropBefore([before], (one) => one).length === 0, "the erasure known");
    },
    /** What has been accepted, oldest first. */
    accepted: async () => (await store.interventions.find().sort({ position: 1 }).toArray()).map(toInterventionMessage),
    async [Symbol.asyncDispose]() {
      campaigns.stop();
      erased.stop();
      await parts[Symbol.asyncDispose]();
    },
  };
}
