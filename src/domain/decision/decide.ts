import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  Answer,
  type ChannelChosen,
  type Decision,
  type DecisionInput,
  DecisionSchema,
  Outcome,
  Rule,
  type Verdict,
  VerdictSchema,
} from "../../../gen/intervention/v1/decision_pb.js";
import type { Assignment } from "../../../gen/intervention/v1/experiment_pb.js";
import { Channel, SendTime_Method } from "../../../gen/intervention/v1/intervention_pb.js";
import { askBudget } from "./ask-budget.ts";
import { askCampaignLive } from "./ask-campaign-live.ts";
import { askCatalog } from "./ask-catalog.ts";
import { askChannel } from "./ask-channel.ts";
import { askConsent } from "./ask-consent.ts";
import { askExclusion } from "./ask-exclusion.ts";
import { toExperimentAsk } from "./ask-experiment.ts";
import { askExpiry } from "./ask-expiry.ts";
import { askFallback, toFallbackTime } from "./ask-fallback.ts";
import { askFrequencyCap } from "./ask-frequency-cap.ts";
import { askOrder } from "./ask-order.ts";
import { askQuietHours } from "./ask-quiet-hours.ts";
import { askSendTime } from "./ask-send-time.ts";
import { askTemplate } from "./ask-template.ts";
import { type Ask, type Finding, pass, toDate } from "./finding.ts";
import { toWanted } from "./to-wanted.ts";

type RuleAsk = readonly [Rule, Ask];

/** The rules, in the order they are asked: those before experiments, ... */
const FIRST_RULES: readonly RuleAsk[] = [
  [Rule.EXPIRY, askExpiry],
  [Rule.DUPLICATE, askDuplicate],
  [Rule.FALLBACK, askFallback],
  [Rule.CAMPAIGN_LIVE, askCampaignLive],
  [Rule.ORDER, askOrder],
];
/** ... and those after them, whose answers may depend on the variant: who is in an experiment must not. */
const LATER_RULES: readonly RuleAsk[] = [
  [Rule.CONSENT, askConsent],
  [Rule.FREQUENCY_CAP, askFrequencyCap],
  [Rule.CHANNEL, askChannel],
  [Rule.SEND_TIME, askSendTime],
  [Rule.QUIET_HOURS, askQuietHours],
  [Rule.TEMPLATE, askTemplate],
];
const RULES: readonly RuleAsk[] = [...FIRST_RULES, ...LATER_RULES];
/** Asked last, and only of what names products: so the answer is as fresh as the sending. */
const CATALOG_RULE: RuleAsk = [Rule.CATALOG, askCatalog];
/** Asked when all the others let it through: what is granted is taken. */
const EXCLUSION_RULE: RuleAsk = [Rule.EXCLUSION, askExclusion];
const BUDGET_RULE: RuleAsk = [Rule.BUDGET, askBudget];

/** The engine's answer for one intervention: a pure function of the recorded input, clock included, so that deciding again on
 *  it gives the same bytes. Stops at the first rule that does not say "go on"; every rule asked leaves its verdict. */
export function decide(input: DecisionInput): Decision {
  const now = toDate(input.now) ?? new Date(0);
  const verdicts: Verdict[] = [];
  const assignments: Assignment[] = [];
  const common = {
    workspace: input.workspace,
    interventionId: input.interventionId,
    round: input.round,
    decideTime: timestampFromDate(now),
    fallback: input.fallback?.step ?? 0,
    assignments,
  };
  let channel = Channel.UNSPECIFIED;
  let chosen: ChannelChosen | undefined;
  for (const [rule, ask] of toRules(input)) {
    // Only of what a campaign asked for.
    if (rule === Rule.FALLBACK && input.fallback === undefined) continue;
    if (rule === Rule.CAMPAIGN_LIVE && input.trigger === undefined) continue;
    if (rule === Rule.ORDER && input.orderTime === undefined) continue;
    // What was decided before profiles were looked at decides again as it did then.
    if (rule === Rule.CONSENT && input.profile === undefined) continue;
    // Only of what a template says.
    if (rule === Rule.TEMPLATE && input.template === undefined) continue;
    // Only where the policy chooses the time.
    if (rule === Rule.SEND_TIME && input.policy?.sendTime?.method !== SendTime_Method.BEST_HOUR) continue;
    const finding = ask(input, now, channel);
    verdicts.push(create(VerdictSchema, { rule, answer: finding.answer, reason: finding.reason }));
    if ("assignment" in finding && finding.assignment !== undefined) assignments.push(finding.assignment);
    if (finding.answer === Answer.STOP)
      return create(DecisionSchema, { ...common, outcome: finding.outcome, verdicts });
    if (finding.answer === Answer.DELAY)
      return create(DecisionSchema, {
        ...common,
        outcome: Outcome.DELAY,
        notBefore: timestampFromDate(finding.until),
        verdicts,
      });
    channel = finding.channel ?? channel;
    chosen = finding.chosen ?? chosen;
  }
  const fallback = toWanted(input).find((wanted) => wanted.channel === channel)?.step ?? 0;
  const fallbackTime = toFallbackTime(input, fallback);
  return create(DecisionSchema, {
    ...common,
    ...{ outcome: Outcome.SEND, channel, verdicts, fallback },
    ...(fallbackTime === undefined ? {} : { fallbackTime }),
    ...(chosen === undefined ? {} : { choice: chosen }),
  });
}

/** Most inputs have no experiments, no products and no budget. */
function toRules({ experiments, products, budget, exclusion }: DecisionInput): readonly RuleAsk[] {
  const isPlain = products === undefined && budget === undefined && exclusion === undefined;
  if (experiments.length === 0 && isPlain) return RULES;
  const last = [
    ...(products === undefined ? [] : [CATALOG_RULE]),
    ...(exclusion === undefined ? [] : [EXCLUSION_RULE]),
    ...(budget === undefined ? [] : [BUDGET_RULE]),
  ];
  const asks = experiments.map((experiment): RuleAsk => [Rule.EXPERIMENT, toExperimentAsk(experiment)]);
  return [...FIRST_RULES, ...asks, ...LATER_RULES, ...last];
}

/** The store keeps one decision a round, so this verdict is recorded only where it is true: a second decision finds the first
 *  one in its place and is thrown away. */
function askDuplicate({ round, fallback }: DecisionInput): Finding {
  if (fallback !== undefined) return pass(`round ${round}: of fallback ${fallback.step}`);
  return pass(round === 0 ? "not decided before" : `round ${round}: the one before ended in a delay`);
}
