import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { type Finding, iso, pass, stop, toDate } from "./finding.ts";

/** Has the user ordered while it waited? Asked only where the input says when. */
export function askOrder({ orderTime, fallback }: DecisionInput): Finding {
  const at = toDate(orderTime);
  if (at === undefined) return pass("the user has not ordered since");
  // What was sent before a fallback stands.
  return stop(`the user ordered at ${iso(at)}`, fallback === undefined ? Outcome.SUPPRESS : Outcome.KEEP);
}
