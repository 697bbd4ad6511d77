import { Answer, type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { type Finding, iso, pass, stop, toDate } from "./finding.ts";

/** Does no other campaign of its group have the user? What was granted is taken already. Asked only where the input says how the
 *  competition stood. */
export function askExclusion({ exclusion: state, fallback }: DecisionInput): Finding {
  if (state === undefined) return pass("in no group");
  const { group = "", rank = 0 } = state.exclusion ?? {};
  const waitUntil = toDate(state.waitUntil);
  if (waitUntil !== undefined)
    return { answer: Answer.DELAY, reason: `waits for others of the group "${group}" above ${rank}`, until: waitUntil };
  if (state.isGranted) return pass(`the user is its own in the group "${group}"`);
  const until = toDate(state.until);
  const how = until === undefined ? "goes first" : `has the user until ${iso(until)}`;
  const reason = `in the group "${group}" campaign "${state.campaign}" ${how}`;
  // What was sent before a fallback stands.
  return stop(reason, fallback === undefined ? Outcome.SUPPRESS : Outcome.KEEP);
}
