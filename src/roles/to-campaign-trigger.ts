import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Campaign, TriggerSource } from "../../gen/intervention/v1/campaign_pb.js";
import { ContentSchema, PolicySchema, RecipientSchema } from "../../gen/intervention/v1/intervention_pb.js";
import type { ParsedTrigger } from "../accept/parsed-trigger.ts";
import { toBodyHash } from "../accept/to-body-hash.ts";

/** What a campaign asks for, for one user. A campaign was checked when it was saved. */
export function toCampaignTrigger(
  campaign: Campaign,
  { userId, source, key }: { readonly userId: string; readonly source: TriggerSource; readonly key: string },
): ParsedTrigger {
  const { ttl } = campaign;
  const parsed = {
    idempotencyKey: key,
    recipient: create(RecipientSchema, { userId }),
    content: campaign.content ?? create(ContentSchema),
    ...(campaign.template === undefined ? {} : { template: campaign.template }),
    campaign: campaign.campaignId,
    priority: campaign.priority,
    policy: campaign.policy ?? create(PolicySchema),
    expiration: ttl === undefined ? ({ kind: "never" } as const) : ({ kind: "after", ttlMs: durationMs(ttl) } as const),
  };
  return { ...parsed, source, bodyHash: toBodyHash(parsed) };
}

const KEY_CHARACTERS_MAX = 256;

/** The idempotency key of what a campaign asks for: the same trigger never asks twice. Ids too long for a key are hashed. */
export function toTriggerKey(campaignId: string, by: string): string {
  const key = `campaign/${campaignId}/${by}`;
  if (key.length <= KEY_CHARACTERS_MAX) return key;
  return `campaign/${campaignId}/sha256/${createHash("sha256").update(by).digest("base64url")}`;
}
