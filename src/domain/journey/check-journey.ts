import type { Journey, JourneyStep } from "../../../gen/intervention/v1/journey_pb.js";
import type { FieldViolation } from "../errors.ts";

/** What is wrong with the way that steps follow one another, each by the field that says so. What the steps themselves say is checked by
 *  others. */
export function findGraphProblems({ steps }: Journey): FieldViolation[] {
  const byId = new Map(steps.map((step) => [step.stepId, step]));
  const dangling = [...findRepeated(steps), ...findDangling(steps, byId)];
  // Where a step is not there, what can be reached is not worth telling.
  if (dangling.length > 0) return dangling;
  const problems: FieldViolation[] = [];
  const reached = walk(steps.slice(0, 1).map(toId), (id) => listNext(byId.get(id)));
  const before = invert(steps);
  const ending = walk(steps.filter((step) => listNext(step).includes("")).map(toId), (id) => before.get(id) ?? []);
  const circling = findUnwaited(steps, byId);
  for (const [index, { stepId }] of steps.entries()) {
    const field = `steps[${index}]`;
    if (!reached.has(stepId)) problems.push({ field, description: `nothing leads to the step ${show(stepId)}` });
    else if (!ending.has(stepId))
      problems.push({ field, description: `the journey never ends after the step ${show(stepId)}` });
    else if (circling.has(stepId))
      problems.push({ field, description: `the step ${show(stepId)} comes round to itself without a wait` });
  }
  return problems;
}

/** Where a step can lead; "" is the end. */
export function listNext(step: JourneyStep | undefined): string[] {
  if (step === undefined) return [];
  const cases = step.does.case === "branch" ? step.does.value.cases.map(({ next }) => next) : [];
  return [...cases, step.next];
}

const toId = ({ stepId }: JourneyStep) => stepId;
const show = (text: string) => JSON.stringify(text);

function findRepeated(steps: readonly JourneyStep[]): FieldViolation[] {
  return steps.flatMap(({ stepId }, index) =>
    steps.findIndex((one) => one.stepId === stepId) < index
      ? [{ field: `steps[${index}].step_id`, description: `${show(stepId)} is there already` }]
      : [],
  );
}

function findDangling(steps: readonly JourneyStep[], byId: ReadonlyMap<string, JourneyStep>): FieldViolation[] {
  const problems: FieldViolation[] = [];
  const ask = (field: string, next: string) => {
    if (next !== "" && !byId.has(next)) problems.push({ field, description: `there is no step ${show(next)}` });
  };
  for (const [index, { does, next }] of steps.entries()) {
    ask(`steps[${index}].next`, next);
    if (does.case !== "branch") continue;
    for (const [n, one] of does.value.cases.entries()) {
      const field = `steps[${index}].branch.cases[${n}]`;
      ask(`${field}.next`, one.next);
      if (one.when.case !== "outcome") continue;
      const { stepId } = one.when.value;
      if (byId.get(stepId)?.does.case !== "send")
        problems.push({
          field: `${field}.outcome.step_id`,
          description: `${show(stepId)} is no step that sends something`,
        });
    }
  }
  return problems;
}

/** Everything that can be come to from some steps. */
function walk(from: readonly string[], next: (id: string) => readonly string[]): Set<string> {
  const seen = new Set(from);
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop())
    for (const one of next(id)) {
      if (one === "" || seen.has(one)) continue;
      seen.add(one);
      open.push(one);
    }
  return seen;
}

function invert(steps: readonly JourneyStep[]): Map<string, string[]> {
  const before = new Map<string, string[]>();
  for (const step of steps)
    for (const next of listNext(step)) before.set(next, [...(before.get(next) ?? []), step.stepId]);
  return before;
}

/** Steps that are come back to without time having passed. */
function findUnwaited(steps: readonly JourneyStep[], byId: ReadonlyMap<string, JourneyStep>): Set<string> {
  const atOnce = (id: string) => {
    const step = byId.get(id);
    return step?.does.case === "wait" ? [] : listNext(step);
  };
  return new Set(
    steps.map(toId).filter((id) =>
      walk(
        atOnce(id).filter((one) => one !== ""),
        atOnce,
      ).has(id),
    ),
  );
}
