import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { CampaignState } from "../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../gen/intervention/v1/campaign_service_pb.js";
import { Operator } from "../gen/intervention/v1/condition_pb.js";
import type { PredictionKind } from "../gen/intervention/v1/shopper_pb.js";
import type { Engine } from "../src/start/index.ts";
import { toTransport, untilAnswered } from "./call-engine.ts";

export type CampaignOptions = {
  readonly campaignId: string;
  readonly displayName: string;
  readonly kind: PredictionKind;
  readonly content: { readonly title: string; readonly body: string };
};

/** Twice what the engine promises for every process of it to know. */
const knownMs = 2_000;

/** Makes a campaign that intervenes for each prediction of the kind whose score is above 0: there is a condition to be judged, and no
 *  prediction that fails it. It has no debounce, as each of them is to be counted. Returns when the engine goes by it. */
export async function createCampaign(engine: Engine, options: CampaignOptions): Promise<void> {
  const { campaignId, content, displayName, kind } = options;
  const campaigns = createClient(CampaignService, toTransport(engine));
  const comparison = {
    ...{ field: "prediction.score", operator: Operator.GREATER },
    value: { kind: { case: "numberValue", value: 0 } },
  } as const;
  await untilAnswered(() =>
    campaigns.create({
      campaignId,
      campaign: {
        ...{ displayName, content, state: CampaignState.RUNNING },
        trigger: { on: { case: "prediction", value: kind } },
        condition: { test: { case: "comparison", value: comparison } },
      },
    }),
  );
  await delay(knownMs);
}
