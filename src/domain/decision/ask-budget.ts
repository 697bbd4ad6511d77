import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { type Finding, pass, stop } from "./finding.ts";

/** Has the campaign's budget enough left? What was granted is taken already. Asked only where the input has the budget. */
export function askBudget({ budget: state, campaign }: DecisionInput): Finding {
  if (state === undefined) return pass("no budget");
  const { budget, messages, micros, messageMicros, isGranted } = state;
  const toText = (amount: bigint) => (Number(amount) / 1_000_000).toString();
  const spent = [
    ...(budget === undefined || budget.messagesMax === 0n ? [] : [`${messages} of ${budget.messagesMax} messages`]),
    ...(budget?.costMax === undefined
      ? []
      : [`${toText(micros)} of ${toText(budget.costMax.micros)} ${budget.costMax.currency}`]),
  ];
  const reason = `campaign "${campaign}" has used ${spent.join(" and ")}; this one costs ${toText(messageMicros)}`;
  return isGranted ? pass(reason) : stop(reason, Outcome.SUPPRESS);
}
