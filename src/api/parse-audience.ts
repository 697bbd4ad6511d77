import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import type { Audience, Campaign } from "../../gen/intervention/v1/campaign_pb.js";
import { type MissedPolicy, MissedPolicySchema } from "../../gen/intervention/v1/run_service_pb.js";
import { parseWallTime } from "../domain/campaign/wall-time.ts";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { findPatternProblem } from "../domain/schedule/due-times.ts";
import {
  checked,
  durationBetween,
  gatherViolations,
  memberOf,
  orEmpty,
  parseFields,
  show,
  timestamp,
  timeZone,
  wholeNumber,
} from "./field-checks.ts";
import { isSegmentId } from "./segment-name.ts";

const USERS_PER_MINUTE_MAX = 1_000_000;
const RAMP_UP = { minS: 1, maxS: 7 * 86_400, allowed: "1 s to 7 days" };

const audienceSchema = z.object({
  segment: checked<string>((id) => (isSegmentId(id) ? undefined : `${show(id)} is not a segment's id`)),
  timeZone: checked<string>(orEmpty(timeZone)),
  missed: checked<MissedPolicy>(memberOf(MissedPolicySchema, { allowUnspecified: true })),
  usersPerMinute: checked<number>(wholeNumber({ min: 0, max: USERS_PER_MINUTE_MAX })),
  rampUp: checked<Duration>(durationBetween(RAMP_UP)).optional(),
});

/** What is of no use where nothing that happens triggers a campaign, and what there is instead. */
const USELESS = {
  condition: "a rule of the segment",
  debounce: "the times it is sent at",
  digest: "the times it is sent at",
  reentryAfter: "policy.frequency_cap",
} as const;

/** Makes sure that an audience, where a campaign has one, can be sent to.
 *  @throws InvalidInput naming every bad field, below `trigger.audience`, and what goes with no audience. */
export function checkAudience(campaign: Campaign): void {
  const { on } = campaign.trigger ?? {};
  if (on?.case !== "audience") return;
  const { attempt, violations } = gatherViolations();
  attempt(() => parseFields(audienceSchema, on.value));
  violations.push(...checkWhen(on.value));
  if (on.value.rampUp !== undefined && on.value.usersPerMinute === 0)
    violations.push({ field: "ramp_up", description: "there is no users_per_minute that it could come to" });
  const own = violations.map(({ field, description }) => ({ field: `trigger.audience.${field}`, description }));
  const useless = Object.entries(USELESS).flatMap(([name, instead]) => {
    if (campaign[name as keyof typeof USELESS] === undefined) return [];
    const field = name === "reentryAfter" ? "reentry_after" : name;
    return [{ field, description: `it says nothing of an audience: use ${instead} for that` }];
  });
  if (own.length + useless.length > 0) throw new InvalidInput([...own, ...useless]);
}

function checkWhen({ when, timeZone: zone }: Audience): FieldViolation[] {
  const problem = (field: string, description: string | undefined) =>
    description === undefined ? [] : [{ field, description }];
  switch (when.case) {
    case "localAt": {
      const isTime = parseWallTime(when.value) !== undefined;
      return problem("local_at", isTime ? undefined : `${show(when.value)} is not a date and time, YYYY-MM-DDTHH:MM`);
    }
    case "cron":
      return problem("cron", findPatternProblem(when.value));
    default:
      return [
        ...problem("at", when.case === "at" ? timestamp(when.value as Timestamp) : undefined),
        ...problem("time_zone", zone === "" ? undefined : "there is no local_at or cron that it could be the clock of"),
      ];
  }
}
