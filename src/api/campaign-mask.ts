import { clone } from "@bufbuild/protobuf";
import { type Campaign, CampaignSchema, ReviewRule } from "../../gen/intervention/v1/campaign_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { show } from "./field-checks.ts";
import { type CampaignFields, parseCampaign } from "./parse-campaign.ts";

/** By their names in the proto. */
const SETTABLE = {
  display_name: "displayName",
  trigger: "trigger",
  condition: "condition",
  content: "content",
  template: "template",
  policy: "policy",
  priority: "priority",
  ttl: "ttl",
  expire_time: "expireTime",
  debounce: "debounce",
  digest: "digest",
  reentry_after: "reentryAfter",
  credit_windows: "creditWindows",
  review_rule: "reviewRule",
  start_time: "startTime",
  journey: "journey",
  budget: "budget",
  drop_on_order: "dropOnOrder",
  exclusion: "exclusion",
} as const satisfies Record<string, keyof CampaignFields>;

const isSettable = (path: string): path is keyof typeof SETTABLE => Object.hasOwn(SETTABLE, path);

/** What a campaign becomes when the fields of these paths are taken from another; no path means all of them. A field that is absent
 *  there is cleared.
 *  @returns every field that a caller sets, by its name; what is absent is there as undefined.
 *  @throws InvalidInput naming every bad path and field. */
export function applyMask(
  current: Campaign,
  wanted: Campaign,
  paths: readonly string[],
): Record<string, unknown> & Pick<CampaignFields, "reviewRule"> {
  const bad = paths.filter((path) => !isSettable(path));
  if (bad.length > 0) {
    const allowed = Object.keys(SETTABLE).join(", ");
    throw new InvalidInput(
      bad.map((path) => ({ field: "update_mask", description: `${show(path)} is not one of ${allowed}` })),
    );
  }
  const named = paths.length === 0 ? Object.keys(SETTABLE) : paths;
  const mixed = clone(CampaignSchema, current);
  for (const path of named) if (isSettable(path)) Object.assign(mixed, { [SETTABLE[path]]: wanted[SETTABLE[path]] });
  if (wanted.reviewRule === ReviewRule.UNSPECIFIED) mixed.reviewRule = current.reviewRule;
  const parsed = parseCampaign(mixed);
  const fields = Object.fromEntries(Object.values(SETTABLE).map((name) => [name, parsed[name]]));
  return { ...fields, reviewRule: parsed.reviewRule };
}
