import { create } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { SuccessSchema } from "../../gen/intervention/v1/intervention_pb.js";
import {
  type Journey,
  JourneySchema,
  type JourneyStep,
  JourneyStepSchema,
  type SendStep,
  SendStepSchema,
  type WaitStep,
} from "../../gen/intervention/v1/journey_pb.js";
import { compileCondition } from "../domain/condition/compile-condition.ts";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { findGraphProblems } from "../domain/journey/check-journey.ts";
import { durationBetween, gatherViolations, memberOf, show, timeOfDay } from "./field-checks.ts";

const STEP_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const STEPS_MAX = 50;
const CASES_MAX = 10;
const waitDuration = durationBetween({ minS: 1, maxS: 90 * 86_400, allowed: "1 s to 90 days" });

/** Makes a journey safe to rely on.
 *  @param parseSend makes what a step sends safe to rely on, or throws InvalidInput.
 *  @throws InvalidInput naming every bad field, below `journey`. */
export function parseJourney(journey: Journey, parseSend: (send: SendStep) => SendStep): Journey {
  const { attempt, violations } = gatherViolations();
  const count = journey.steps.length;
  if (count < 1 || count > STEPS_MAX)
    violations.push({ field: "steps", description: `there are ${count}; 1 to ${STEPS_MAX} are needed` });
  if (journey.exitWhen !== undefined) attempt(() => checkCondition(journey.exitWhen, "exit_when"));
  const steps = journey.steps.map((step, index) => attempt(() => parseStep(step, `steps[${index}]`, parseSend)));
  violations.push(...findGraphProblems(journey));
  if (violations.length > 0)
    throw new InvalidInput(violations.map((one) => ({ ...one, field: `journey.${one.field}` })));
  return create(JourneySchema, { ...journey, steps: steps.filter((step) => step !== undefined) });
}

function parseStep(step: JourneyStep, path: string, parseSend: (send: SendStep) => SendStep): JourneyStep {
  const { attempt, violations } = gatherViolations();
  const { does, stepId } = step;
  const refuse = (field: string, description: string) => violations.push({ field: `${path}.${field}`, description });
  if (!STEP_ID.test(stepId))
    refuse("step_id", `${show(stepId)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`);
  let parsed = does;
  switch (does.case) {
    case undefined:
      violations.push({ field: path, description: "it does nothing; one of send, wait, branch is needed" });
      break;
    case "send": {
      const sent = attempt(() => under(`${path}.send`, () => parseSend(does.value)));
      if (sent !== undefined) parsed = { case: "send", value: create(SendStepSchema, sent) };
      break;
    }
    case "wait":
      violations.push(...findWaitProblem(does.value, `${path}.wait`));
      break;
    case "branch": {
      const { cases } = does.value;
      if (cases.length < 1 || cases.length > CASES_MAX)
        refuse("branch.cases", `there are ${cases.length}; 1 to ${CASES_MAX} are needed`);
      for (const [index, { when }] of cases.entries()) {
        const field = `${path}.branch.cases[${index}]`;
        if (when.case === "condition") attempt(() => checkCondition(when.value, `${field}.condition`));
        else if (when.case === undefined)
          violations.push({ field, description: "it asks nothing; one of condition, outcome is needed" });
        else {
          const description = memberOf(SuccessSchema, { allowUnspecified: false })(when.value.reached);
          if (description !== undefined) violations.push({ field: `${field}.outcome.reached`, description });
        }
      }
    }
  }
  if (violations.length > 0) throw new InvalidInput(violations);
  return create(JourneyStepSchema, { ...step, does: parsed });
}

/** Names bad fields below a path. */
function under<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(error.violations.map((one) => ({ ...one, field: `${path}.${one.field}` })));
  }
}

function findWaitProblem({ until }: WaitStep, path: string): FieldViolation[] {
  if (until.case === undefined)
    return [{ field: path, description: "it waits for nothing; one of duration, time_of_day is needed" }];
  const isDuration = until.case === "duration";
  const description = isDuration ? waitDuration(until.value as Duration) : timeOfDay(until.value as string);
  return description === undefined
    ? []
    : [{ field: `${path}.${isDuration ? "duration" : "time_of_day"}`, description }];
}

/** What triggered is long over when a step is taken. */
function checkCondition(condition: Journey["exitWhen"], path: string): void {
  if (condition === undefined) return;
  const { roots } = compileCondition(condition, path);
  for (const absent of ["prediction", "event"] as const)
    if (roots.has(absent))
      throw new InvalidInput([{ field: path, description: `it looks at ${absent}, and a step knows of none` }]);
}
