import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { type Finding, iso, pass, stop, toDate } from "./finding.ts";

/** Has its time run out? */
export function askExpiry({ expireTime }: DecisionInput, now: Date): Finding {
  const expiry = toDate(expireTime);
  if (expiry === undefined) return pass("never expires");
  if (expiry.getTime() <= now.getTime()) return stop(`expired at ${iso(expiry)}`, Outcome.EXPIRE);
  return pass(`expires at ${iso(expiry)}`);
}
