import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { FrequencyCap_Scope } from "../../../gen/intervention/v1/intervention_pb.js";
import { type Finding, pass, stop } from "./finding.ts";

/** Has the user been reached often enough? */
export function askFrequencyCap({ policy, priorSends, campaign }: DecisionInput): Finding {
  const cap = policy?.frequencyCap;
  if (cap === undefined) return pass("no cap");
  const windowS = cap.window === undefined ? 0 : durationMs(cap.window) / 1_000;
  const whose = cap.scope === FrequencyCap_Scope.CAMPAIGN ? `of campaign "${campaign}" to this user` : "to this user";
  const reason = `${priorSends.length} sent ${whose} in ${windowS} s, cap ${cap.max}`;
  return priorSends.length >= cap.max ? stop(reason, Outcome.SUPPRESS) : pass(reason);
}

/** The bound in time of the sends a cap counts. */
export function toCapSince(input: Pick<DecisionInput, "policy" | "now">): Date | undefined {
  const cap = input.policy?.frequencyCap;
  if (cap === undefined || input.now === undefined) return undefined;
  return new Date(timestampMs(input.now) - (cap.window === undefined ? 0 : durationMs(cap.window)));
}
