import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { toPermitted, toProfileText } from "../profile/permitted-channels.ts";
import { type Finding, pass, stop } from "./finding.ts";

/** Has the user said no, or not said the yes that is needed? */
export function askConsent(input: DecisionInput): Finding {
  const { permitted, refused, unasked } = toPermitted(input);
  const knowing = toProfileText(input.profile);
  if (refused.length + unasked.length === 0) return pass(`the user has not said no; ${knowing}`);
  const said = [
    ...(refused.length === 0 ? [] : [`the user has said no to ${refused.join(" and ")}`]),
    ...(unasked.length === 0 ? [] : [`the user has not said yes to ${unasked.join(" and ")}`]),
  ];
  const reason = `${said.join(", ")}; ${knowing}`;
  return permitted.length === 0 ? stop(reason, Outcome.SUPPRESS) : pass(reason);
}
