import { create, fromJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it, test } from "vitest";
import { ConditionSchema } from "../../../gen/intervention/v1/condition_pb.js";
import { EventKind } from "../../../gen/intervention/v1/event_pb.js";
import { Success } from "../../../gen/intervention/v1/intervention_pb.js";
import { JourneySchema, JourneyStepSchema } from "../../../gen/intervention/v1/journey_pb.js";
import { compileJourney, findNeeds, findOver, type StepFacts, takeStep } from "./take-step.ts";

const now = new Date("2026-03-28T23:30:00Z");
const GOLD = fromJson(ConditionSchema, {
  comparison: { field: "profile.attributes.tier", operator: "OPERATOR_EQUAL", value: "gold" },
});
const journey = compileJourney(
  create(JourneySchema, {
    exitOnOrder: true,
    exitWhen: GOLD,
    steps: [
      { stepId: "push", next: "ask", does: { case: "send", value: {} } },
      {
        ...{ stepId: "ask", next: "sms" },
        does: {
          case: "branch",
          value: {
            cases: [
              { when: { case: "outcome", value: { stepId: "push", reached: Success.DISPLAYED } }, next: "" },
              { when: { case: "condition", value: GOLD }, next: "push" },
            ],
          },
        },
      },
      { stepId: "sms", next: "", does: { case: "send", value: {} } },
    ],
  }),
);
const step = (id: string) => {
  const found = journey.steps.get(id);
  if (found === undefined) throw new Error(`there is no step ${id}`);
  return found;
};
const facts = (more: { tier?: string; happened?: EventKind[]; hasOrdered?: boolean } = {}): StepFacts => ({
  facts: { now, profile: { attributes: { tier: more.tier ?? "tin" } } },
  findHappened: () => new Set(more.happened ?? []),
  hasOrdered: more.hasOrdered ?? false,
});
const take = (id: string, known: StepFacts) => {
  const taken = takeStep(journey, step(id), known);
  return taken.kind === "leaves" ? taken.because : `${taken.next?.stepId ?? "end"} by ${taken.branchCase}`;
};

describe("a step", () => {
  test.each([
    ["push", {}, "ask by -1"],
    ["push", { hasOrdered: true }, "ordered"],
    ["push", { tier: "gold" }, "exit_when"],
    ["ask", {}, "sms by -1"],
    ["ask", { happened: [EventKind.DELIVERED] }, "sms by -1"],
    ["ask", { happened: [EventKind.CLICKED] }, "end by 0"],
    ["ask", { tier: "gold" }, "push by 1"],
    // The first case that is true counts; nobody leaves at a branch.
    ["ask", { tier: "gold", happened: [EventKind.DISPLAYED], hasOrdered: true }, "end by 0"],
    ["sms", {}, "end by -1"],
  ] as const)("%s of %j leads to: %s", (id, known, expected) => {
    const happened = "happened" in known ? { happened: [...known.happened] } : {};
    expect(take(id, facts({ ...known, ...happened } as Parameters<typeof facts>[0]))).toBe(expected);
  });

  it("says what has to be known for it, and no more", () => {
    expect(findNeeds(journey, step("push"))).toEqual({ roots: new Set(["profile"]), outcomesOf: [], orders: true });
    expect(findNeeds(journey, step("ask"))).toEqual({
      roots: new Set(["profile"]),
      outcomesOf: ["push"],
      orders: false,
    });
  });

  test.each([
    ["so long", { case: "duration", value: durationFromMs(60_000) }, "UTC", "2026-03-28T23:31:00.000Z"],
    [
      "until a time on the user's clock",
      { case: "timeOfDay", value: "09:00" },
      "Europe/Paris",
      "2026-03-29T07:00:00.000Z",
    ],
    ["until later today", { case: "timeOfDay", value: "20:00" }, "America/New_York", "2026-03-29T00:00:00.000Z"],
  ] as const)("that waits %s is over then", (_, until, timeZone, expected) => {
    const waiting = create(JourneyStepSchema, { stepId: "w", does: { case: "wait", value: { until } } });
    expect(findOver(waiting, now, timeZone).toISOString()).toBe(expected);
    expect(findOver(step("push"), now, timeZone)).toEqual(now);
  });
});
