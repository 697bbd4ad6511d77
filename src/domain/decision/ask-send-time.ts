import { durationMs } from "@bufbuild/protobuf/wkt";
import type { InterventionMessage } from "../../../gen/intervention/v1/bus_pb.js";
import { Answer, type DecisionInput } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel, SendTime_Method } from "../../../gen/intervention/v1/intervention_pb.js";
import { toUniform } from "../policy/choose-arm.ts";
import { findBestHour } from "../schedule/best-hour.ts";
import { findQuietEnd, parseTimeOfDay } from "../schedule/quiet-hours.ts";
import { type Finding, iso, pass, toDate } from "./finding.ts";

/** Where a message waits for its user: a socket and a page have him now. */
const WAITING: ReadonlySet<Channel> = new Set([Channel.EMAIL, Channel.SMS, Channel.PUSH]);
const WITHIN_MS = 86_400_000;
const SPREAD_MS = 1_800_000;

/** Whether a policy asks for a time, and the answer is still to be given: it is given once. */
export const asksSendTime = ({ policy, round }: Pick<InterventionMessage, "policy" | "round">): boolean =>
  policy?.sendTime?.method === SendTime_Method.BEST_HOUR && round === 0;

/** Is there an hour soon in which the user is more likely to look? */
export function askSendTime(input: DecisionInput, now: Date, channel: Channel): Finding {
  const { policy, sendHours, expireTime } = input;
  if (!asksSendTime(input)) return pass("its time was chosen before");
  if (!WAITING.has(channel)) return pass("the user need not look for it");
  if (sendHours === undefined) return pass("nothing is known of the user's hours");
  const { timeZone, shares, touches } = sendHours;
  const withinMs = policy?.sendTime?.within === undefined ? WITHIN_MS : durationMs(policy.sendTime.within);
  const latest = now.getTime() + withinMs;
  const until = new Date(Math.min(latest, toDate(expireTime)?.getTime() ?? latest));
  const best = findBestHour(now, { shares, timeZone, until, quiet: toQuiet(policy) });
  const known = touches === 0 ? "by what is usual here" : `by ${touches} times that this user looked`;
  if (best === undefined) return pass(`no hour until ${iso(until)} is better`);
  const hour = `${String(best.hour).padStart(2, "0")}:00 in ${timeZone}`;
  const share = `${((shares[best.hour] ?? 0) * 100).toFixed(1)} % of the day, ${known}`;
  if (best.at.getTime() <= now.getTime())
    return pass(`the hour from ${hour} is the best one until ${iso(until)}: ${share}`);
  return {
    answer: Answer.DELAY,
    reason: `waits for the hour from ${hour}: ${share}`,
    until: toSpread(input, { at: best.at, until, timeZone }),
  };
}

/** All whose hour it is would come at its first second: each comes at a time of its own in its first half, always the same. */
function toSpread(
  { policy, interventionId }: DecisionInput,
  { at, until, timeZone }: { readonly at: Date; readonly until: Date; readonly timeZone: string },
): Date {
  const spread = new Date(at.getTime() + Math.floor(toUniform(interventionId) * SPREAD_MS));
  const quiet = toQuiet(policy);
  const isFree = quiet === undefined || findQuietEnd(spread, { ...quiet, timeZone }) === undefined;
  return spread < until && isFree ? spread : at;
}

function toQuiet(policy: DecisionInput["policy"]) {
  const [start, end] = [policy?.quietHours?.start, policy?.quietHours?.end].map((text) => parseTimeOfDay(text ?? ""));
  return start === undefined || end === undefined ? undefined : { start, end };
}
