import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@connectrpc/connect";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import type { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { Operator } from "../../gen/intervention/v1/condition_pb.js";
import { PredictionKind } from "../../gen/intervention/v1/shopper_pb.js";
import { untilAnswered } from "../call-engine.ts";

/** Twice what the engine promises for every process of it to know. */
const knownMs = 2_000;

/** Makes the campaign that thanks each buyer of whom the AI engine thinks that he may come again: everybody, since the model gives
 *  nobody up for good. It has no debounce, as each purchase is to have its own. Returns when the engine goes by it. */
export async function createCampaign(campaigns: Client<typeof CampaignService>): Promise<void> {
  const comparison = {
    ...{ field: "prediction.score", operator: Operator.GREATER },
    value: { kind: { case: "numberValue", value: 0 } },
  } as const;
  await untilAnswered(() =>
    campaigns.create({
      campaignId: "thank-you",
      campaign: {
        displayName: "Thanks for the order",
        state: CampaignState.RUNNING,
        trigger: { on: { case: "prediction", value: PredictionKind.PURCHASE_INTENT } },
        condition: { test: { case: "comparison", value: comparison } },
        content: { title: "Thank you for your order", body: "It is on its way to you." },
      },
    }),
  );
  await delay(knownMs);
}
