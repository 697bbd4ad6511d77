import { durationMs } from "@bufbuild/protobuf/wkt";
import type { EventKind } from "../../../gen/intervention/v1/event_pb.js";
import type { Journey, JourneyStep } from "../../../gen/intervention/v1/journey_pb.js";
import { type CompiledCondition, compileCondition, type Facts } from "../condition/compile-condition.ts";
import type { Root } from "../condition/field.ts";
import { hasReached } from "../decision/ask-fallback.ts";
import { toDailyRule, toDigestWindow } from "../digest/to-window.ts";

/** What a step is taken on. */
export type StepFacts = {
  readonly facts: Facts;
  /** What has become of the last message that a step asked for. */
  readonly findHappened: (stepId: string) => ReadonlySet<EventKind>;
  readonly hasOrdered: boolean;
};

/** Why somebody leaves. */
export type LeftBecause = "ended" | "ordered" | "exit_when" | "too_long";

/** What follows from taking a step: where to, or why nowhere. */
export type Taken =
  | { readonly kind: "leaves"; readonly because: LeftBecause }
  | {
      readonly kind: "goes_on";
      readonly next: JourneyStep | undefined;
      /** The case of a branch, -1 for none. */
      readonly branchCase: number;
    };

/** A journey, ready to be gone through. */
export type CompiledJourney = {
  readonly steps: ReadonlyMap<string, JourneyStep>;
  readonly first: JourneyStep | undefined;
  readonly exitOnOrder: boolean;
  readonly exitWhen: CompiledCondition | undefined;
  readonly cases: ReadonlyMap<object, CompiledCondition>;
};

/** @throws InvalidInput when it asks for what this version does not know. */
export function compileJourney({ steps, exitOnOrder, exitWhen }: Journey): CompiledJourney {
  const cases = steps.flatMap(({ does }) => (does.case === "branch" ? does.value.cases : []));
  return {
    steps: new Map(steps.map((step) => [step.stepId, step])),
    first: steps[0],
    exitOnOrder,
    exitWhen: exitWhen === undefined ? undefined : compileCondition(exitWhen),
    cases: new Map(
      cases.flatMap((one) => (one.when.case === "condition" ? [[one, compileCondition(one.when.value)]] : [])),
    ),
  };
}

/** Whether somebody may leave at this step: before a message, and when a wait is over. */
const isExit = ({ does }: JourneyStep) => does.case !== "branch";

/** What has to be known for a step to be taken. */
export function findNeeds(
  journey: CompiledJourney,
  step: JourneyStep,
): { readonly roots: ReadonlySet<Root>; readonly outcomesOf: readonly string[]; readonly orders: boolean } {
  const { does } = step;
  const cases = does.case === "branch" ? does.value.cases : [];
  const asked = isExit(step) ? [journey.exitWhen] : cases.map((one) => journey.cases.get(one));
  return {
    roots: new Set(asked.flatMap((one) => [...(one?.roots ?? [])])),
    outcomesOf: cases.flatMap(({ when }) => (when.case === "outcome" ? [when.value.stepId] : [])),
    orders: isExit(step) && journey.exitOnOrder,
  };
}

/** Takes a step: pure, but that a message is still to be asked for. */
export function takeStep(journey: CompiledJourney, step: JourneyStep, known: StepFacts): Taken {
  if (isExit(step)) {
    if (journey.exitOnOrder && known.hasOrdered) return { kind: "leaves", because: "ordered" };
    if (journey.exitWhen?.test(known.facts) === true) return { kind: "leaves", because: "exit_when" };
  }
  const { does } = step;
  const cases = does.case === "branch" ? does.value.cases : [];
  const branchCase = cases.findIndex((one) =>
    one.when.case === "outcome"
      ? hasReached(known.findHappened(one.when.value.stepId), one.when.value.reached)
      : journey.cases.get(one)?.test(known.facts) === true,
  );
  return { kind: "goes_on", next: journey.steps.get((cases[branchCase] ?? step).next), branchCase };
}

/** When what is done at a step is over: a wait's time, or at once. */
export function findOver(step: JourneyStep, now: Date, timeZone: string): Date {
  const until = step.does.case === "wait" ? step.does.value.until : undefined;
  if (until?.case === "duration") return new Date(now.getTime() + durationMs(until.value));
  const rule = until?.case === "timeOfDay" ? toDailyRule(until.value) : undefined;
  return rule === undefined ? now : toDigestWindow(rule, { itemId: "", now, timeZone }).closesAt;
}

/** Whether the end of a step depends on whose clock it is. */
export const isByClock = ({ does }: JourneyStep): boolean =>
  does.case === "wait" && does.value.until.case === "timeOfDay";
