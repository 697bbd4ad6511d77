import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { type Finding, pass, stop } from "./finding.ts";

/** Is there all that the template needs? */
export function askTemplate({ template }: DecisionInput): Finding {
  if (template === undefined) return pass("no template");
  const { problem, variant } = template;
  const which = `template "${template.template}" version ${template.version}`;
  if (problem !== "") return stop(`${which} can't be rendered: ${problem}`, Outcome.SUPPRESS);
  return pass(`${which}, ${variant === "" ? "the default variant" : `variant "${variant}"`}`);
}
