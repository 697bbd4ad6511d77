import type { Comparison, GuardrailResult } from "./comparison.ts";
import { type ExperimentPlan, listCompared, type Metric } from "./experiment-plan.ts";

/** What the numbers allow to be said, and no more. */
export type Verdict = {
  /** The strongest of the arms: a block, then harm, then better, then the rest. */
  readonly kind: "blocked" | "harm" | "better" | "promising" | "no_difference" | "not_enough_data";
  /** In plain words, an arm after the other. */
  readonly sentences: readonly string[];
};

type ArmVerdict = { readonly kind: Verdict["kind"]; readonly sentences: readonly string[] };

const ORDER = ["harm", "better", "promising", "no_difference", "not_enough_data"] as const;

export function toVerdict(analysis: {
  readonly plan: ExperimentPlan;
  readonly sampleRatioPValue: number | null;
  readonly isBlocked: boolean;
  readonly comparisons: readonly Comparison[];
  readonly guardrails: readonly GuardrailResult[];
}): Verdict {
  const { plan, comparisons, guardrails } = analysis;
  if (analysis.isBlocked)
    return {
      kind: "blocked",
      sentences: [
        `The arms did not get the users that their weights say (p = ${number(analysis.sampleRatioPValue ?? 0)}), so no comparison can be trusted: find what loses or adds users of one arm first.`,
      ],
    };
  const verdicts = listCompared(plan).map(({ name }) =>
    judgeArm(
      plan,
      name,
      comparisons.filter(({ arm }) => arm === name),
      guardrails.filter(({ arm }) => arm === name),
    ),
  );
  const better = verdicts.filter(({ kind }) => kind === "better").length;
  return {
    kind: ORDER.find((kind) => verdicts.some((verdict) => verdict.kind === kind)) ?? "not_enough_data",
    sentences: [
      ...new Set(verdicts.flatMap(({ sentences }) => sentences)),
      ...(better > 1 ? ["Which of them is best has not been tested."] : []),
    ],
  };
}

function judgeArm(
  plan: ExperimentPlan,
  arm: string,
  comparisons: readonly Comparison[],
  guardrails: readonly GuardrailResult[],
): ArmVerdict {
  const context = { plan, comparisons: plan.goals.length * listCompared(plan).length };
  const harms = [
    ...comparisons.filter(({ result }) => result.kind === "compared" && result.claim === "worse"),
    ...guardrails.filter(({ state }) => state === "harmed"),
  ];
  const gains = comparisons.filter(({ result }) => result.kind === "compared" && result.claim === "better");
  const told = [...gains, ...harms].map((one) => ("guardrail" in one ? tellHarm(one) : tellClaim(one, context)));
  if (harms.length > 0) return { kind: "harm", sentences: told };
  const first = comparisons.find(({ metric }) => metric === plan.goals[0]);
  if (first === undefined || first.result.kind === "not_enough_data")
    return {
      kind: "not_enough_data",
      sentences: [
        ...told,
        `Not enough data for "${arm}": ${first?.result.kind === "not_enough_data" ? first.result.reason : "nothing is compared"}.`,
      ],
    };
  const open = guardrails.filter(({ state }) => state === "open");
  if (first.result.claim === "better" && open.length === 0) return { kind: "better", sentences: told };
  if (first.result.claim === "better") return { kind: "promising", sentences: [...told, ...open.map(tellOpen)] };
  return { kind: "no_difference", sentences: [...told, tellNone(first, plan)] };
}

function tellClaim(
  { arm, metric, result }: Comparison,
  { plan, comparisons }: { readonly plan: ExperimentPlan; readonly comparisons: number },
): string {
  if (result.kind !== "compared") return "";
  const { amount, change, interval } = wordsFor(metric);
  const allowing = comparisons > 1 ? ` after allowing for ${comparisons} comparisons` : "";
  const level =
    result.adjustedPValue === null
      ? `${levelOf(plan.alpha / comparisons)} interval ${interval(result)}, beyond the boundary of this look${allowing}`
      : `${levelOf(plan.alpha)} interval ${interval(result)}, p = ${number(result.adjustedPValue)}${allowing}`;
  return `"${arm}" does ${result.claim} than "${plan.control}" in "${metric.name}": ${amount(result.meanArm)} against ${amount(result.meanControl)}, a difference of ${change(result.difference)} (${level}).`;
}

function tellNone({ arm, metric, result }: Comparison, plan: ExperimentPlan): string {
  if (result.kind !== "compared") return "";
  const { interval } = wordsFor(metric);
  return `No difference between "${arm}" and "${plan.control}" in "${metric.name}" has been shown; the data agree with anything from ${interval(result)}.`;
}

function tellHarm({ arm, guardrail, lift }: GuardrailResult): string {
  return `"${arm}" harms "${guardrail.name}": ${percent(lift?.point ?? 0)} (${lift === null ? "" : percents(lift)}), where ${percent(-guardrail.margin).slice(1)} was allowed.`;
}

function tellOpen({ arm, guardrail, lift }: GuardrailResult): string {
  const margin = percent(guardrail.margin).slice(1);
  const soFar = lift === null ? "there is not enough data" : `so far ${percents(lift)}`;
  return `That "${arm}" makes "${guardrail.name}" no more than ${margin} worse is not shown yet (${soFar}): wait for it.`;
}

type Ends = { readonly ciLow: number; readonly ciHigh: number };

/** How amounts, differences and intervals of a metric are written. */
function wordsFor({ kind }: Metric) {
  if (kind === "binary")
    return {
      amount: (rate: number) => `${number(100 * rate)} %`,
      change: (difference: number) => `${signed(100 * difference)} points`,
      interval: ({ ciLow, ciHigh }: Ends) => `${signed(100 * ciLow)} to ${signed(100 * ciHigh)} points`,
    };
  return {
    amount: number,
    change: signed,
    interval: ({ ciLow, ciHigh }: Ends) => `${signed(ciLow)} to ${signed(ciHigh)}`,
  };
}

const percents = ({ ciLow, ciHigh }: Ends): string => `${percent(ciLow)} to ${percent(ciHigh)}`;
const levelOf = (alpha: number): string => `${number(100 * (1 - alpha))} %`;
const percent = (share: number): string => `${signed(100 * share)} %`;
const signed = (value: number): string => (value < 0 ? number(value) : `+${number(value)}`);
/** Three digits. */
const number = (value: number): string => String(Number(value.toPrecision(3)));
