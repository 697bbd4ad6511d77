import { create, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type Journey, JourneySchema } from "../../../gen/intervention/v1/journey_pb.js";
import { findGraphProblems, listNext } from "./check-journey.ts";

type Step = NonNullable<Extract<MessageInitShape<typeof JourneySchema>, { $typeName?: never }>["steps"]>[number];
const send = (stepId: string, next = ""): Step => ({ stepId, next, does: { case: "send", value: {} } });
const wait = (stepId: string, next = ""): Step => ({ stepId, next, does: { case: "wait", value: {} } });
const branch = (stepId: string, cases: string[], next = ""): Step => ({
  ...{ stepId, next },
  does: { case: "branch", value: { cases: cases.map((one) => ({ next: one })) } },
});
const asking = (stepId: string, of: string): Step => ({
  ...{ stepId, next: "" },
  does: { case: "branch", value: { cases: [{ when: { case: "outcome", value: { stepId: of } }, next: "" }] } },
});
const problemsOf = (...steps: Step[]) =>
  findGraphProblems(create(JourneySchema, { steps })).map(({ field, description }) => `${field}: ${description}`);

describe("a journey", () => {
  test.each([
    ["of one step", [send("a")]],
    ["that waits and asks", [send("a", "w"), wait("w", "b"), branch("b", [""], "c"), send("c")]],
    ["that comes round after a wait", [send("a", "w"), wait("w", "b"), branch("b", [""], "a")]],
  ])("%s is right", (_, steps) => {
    expect(problemsOf(...steps)).toEqual([]);
  });

  test.each([
    ["leads nowhere", [send("a", "b")], 'steps[0].next: there is no step "b"'],
    ["has a step twice", [send("a", "a"), wait("a")], 'steps[1].step_id: "a" is there already'],
    ["has a step that nothing leads to", [send("a"), send("b")], 'steps[1]: nothing leads to the step "b"'],
    [
      "comes round without a wait",
      [branch("a", [""], "b"), send("b", "a")],
      'steps[0]: the step "a" comes round to itself without a wait',
    ],
    ["never ends", [wait("a", "b"), send("b", "a")], 'steps[0]: the journey never ends after the step "a"'],
    [
      "asks after a message that is none",
      [wait("a", "b"), asking("b", "a")],
      'steps[1].branch.cases[0].outcome.step_id: "a" is no step that sends something',
    ],
  ])("that %s is refused", (_, steps, problem) => {
    expect(problemsOf(...steps)).toContain(problem);
  });

  it("without problems takes nobody round without a wait, wherever they turn", () => {
    const ids = ["a", "b", "c", "d"];
    const next = fc.constantFrom("", ...ids);
    const step = (id: string) =>
      fc.oneof(
        next.map((one) => send(id, one)),
        next.map((one) => wait(id, one)),
        fc.tuple(fc.array(next, { minLength: 1, maxLength: 2 }), next).map(([cases, one]) => branch(id, cases, one)),
      );
    const journey = fc.tuple(...ids.map(step)).map((steps): Journey => create(JourneySchema, { steps }));
    let right = 0;
    fc.assert(
      fc.property(journey, fc.array(fc.nat(2), { maxLength: 40 }), (one, choices) => {
        if (findGraphProblems(one).length > 0) return;
        right += 1;
        const byId = new Map(one.steps.map((each) => [each.stepId, each]));
        let at = one.steps[0];
        let sinceWait = 0;
        for (const choice of choices) {
          if (at === undefined) break;
          sinceWait = at.does.case === "wait" ? 0 : sinceWait + 1;
          expect(sinceWait).toBeLessThanOrEqual(ids.length);
          const open = listNext(at);
          at = byId.get(open[choice % open.length] ?? "");
        }
      }),
      { numRuns: 3_000 },
    );
    expect(right).toBeGreaterThan(10);
  });
});
