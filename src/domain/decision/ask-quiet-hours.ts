import { Answer, type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { QuietHours_Handling } from "../../../gen/intervention/v1/intervention_pb.js";
import { findQuietEnd, parseTimeOfDay } from "../schedule/quiet-hours.ts";
import { type Finding, iso, pass, stop, toDate } from "./finding.ts";

/** Is it the user's quiet time? */
export function askQuietHours(
  { policy, recipient, profile, defaultTimeZone, expireTime }: DecisionInput,
  now: Date,
): Finding {
  const quiet = policy?.quietHours;
  if (quiet === undefined) return pass("no quiet hours");
  const timeZone = recipient?.timeZone || profile?.timeZone || defaultTimeZone;
  const hours = `${quiet.start}-${quiet.end} in ${timeZone}`;
  const start = parseTimeOfDay(quiet.start);
  const end = parseTimeOfDay(quiet.end);
  const until = start === undefined || end === undefined ? undefined : findQuietEnd(now, { start, end, timeZone });
  if (until === undefined) return pass(`not in quiet hours ${hours}`);
  if (quiet.handling === QuietHours_Handling.DROP) return stop(`in quiet hours ${hours}`, Outcome.SUPPRESS);
  const expiry = toDate(expireTime);
  if (expiry !== undefined && expiry.getTime() <= until.getTime())
    return stop(`in quiet hours ${hours} until ${iso(until)}, after its expiry at ${iso(expiry)}`, Outcome.EXPIRE);
  return { answer: Answer.DELAY, reason: `in quiet hours ${hours} until ${iso(until)}`, until };
}
