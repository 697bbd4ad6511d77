import { Answer, type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { QuietHours_Handling } from "../../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { findQuietEnd, parseTimeOfDay } from "../schedule/quiet-hours.ts";
import { type Finding, iso, pass, stop, toDate } from "./finding.ts";

/** Is it the user's quiet time, as the policy has it, or as he has asked for himself? His own does not keep service messages back. */
export function askQuietHours(
  { policy, recipient, profile, defaultTimeZone, expireTime }: DecisionInput,
  now: Date,
): Finding {
  const timeZone = recipient?.timeZone || profile?.timeZone || defaultTimeZone;
  const own = policy?.purpose === Purpose.SERVICE ? undefined : profile?.quietHours;
  const all = [
    ...(policy?.quietHours === undefined ? [] : [toHours("quiet hours", policy.quietHours, { now, timeZone })]),
    ...(own === undefined ? [] : [toHours("the user's own quiet hours", own, { now, timeZone })]),
  ];
  if (all.length === 0) return pass("no quiet hours");
  const within = all.flatMap(({ until, ...hours }) => (until === undefined ? [] : [{ ...hours, until }]));
  const [first, ...others] = within;
  if (first === undefined) return pass(`not in ${all.map(({ words }) => words).join(" or in ")}`);
  if (within.some(({ isDropping }) => isDropping)) return stop(`in ${first.words}`, Outcome.SUPPRESS);
  // At the first end it would be found in the others still, and wait again.
  const { words, until } = others.reduce((latest, one) => (one.until > latest.until ? one : latest), first);
  const expiry = toDate(expireTime);
  if (expiry !== undefined && expiry.getTime() <= until.getTime())
    return stop(`in ${words} until ${iso(until)}, after its expiry at ${iso(expiry)}`, Outcome.EXPIRE);
  return { answer: Answer.DELAY, reason: `in ${words} until ${iso(until)}`, until };
}

function toHours(
  what: string,
  { start, end, handling }: { readonly start: string; readonly end: string; readonly handling?: QuietHours_Handling },
  { now, timeZone }: { readonly now: Date; readonly timeZone: string },
) {
  const [from, to] = [parseTimeOfDay(start), parseTimeOfDay(end)];
  const until =
    from === undefined || to === undefined ? undefined : findQuietEnd(now, { start: from, end: to, timeZone });
  return {
    words: `${what} ${start}-${end} in ${timeZone}`,
    isDropping: handling === QuietHours_Handling.DROP,
    until,
  };
}
