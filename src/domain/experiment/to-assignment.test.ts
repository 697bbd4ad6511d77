import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  type ExperimentInput,
  ExperimentInputSchema,
  TreatmentSchema,
} from "../../../gen/intervention/v1/experiment_pb.js";
import { Channel, ContentSchema, PolicySchema } from "../../../gen/intervention/v1/intervention_pb.js";
import { applyTreatments } from "./apply-treatment.ts";
import { toAssignedName, toAssignment, toVariantName } from "./to-assignment.ts";

const input = (userId: string, changes: object = {}): ExperimentInput =>
  create(ExperimentInputSchema, {
    experiment: "colours",
    userId,
    salt: "colours",
    traffic: 1,
    permitted: true,
    shares: [
      { variantId: "plain", weight: 2 },
      { variantId: "bold", weight: 1 },
      { variantId: "none", weight: 1, holdout: true },
    ],
    ...changes,
  });

describe("an assignment", () => {
  it("is the same whoever asks, whenever, and from the recorded bytes too", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (userId) => {
        const one = input(userId);
        const read = fromBinary(ExperimentInputSchema, toBinary(ExperimentInputSchema, one));
        expect(toAssignment(read)).toEqual(toAssignment(one));
      }),
    );
  });

  it("says where the user falls, what it was drawn by and how likely that was", () => {
    const { assignment, reason } = toAssignment(input("ada"));
    expect(assignment.propensity).toBe(assignment.variant === "plain" ? 0.5 : 0.25);
    expect(reason).toContain(assignment.bucket.toFixed(6));
    expect(reason).toContain(`"${assignment.variant}"`);
  });

  it("is what the user had before, whatever the draw says now and though nobody new comes in", () => {
    for (const variant of ["plain", "bold", "none"]) {
      const { assignment } = toAssignment(input("ada", { earlierVariant: variant, paused: true, permitted: false }));
      expect(assignment).toMatchObject({ variant, holdout: variant === "none" });
    }
  });

  test.each([
    [{ paused: true }, "paused"],
    [{ permitted: false }, "permits no channel"],
    [{ traffic: 0 }, "not among those who take part"],
    [{ layer: { layer: "l", from: 0, until: 0 } }, "outside its piece"],
  ])("with %j is none, and it is said why", (changes, why) => {
    const { assignment, reason } = toAssignment(input("ada", changes));
    expect(assignment).toMatchObject({ experiment: "colours", variant: "", holdout: false });
    expect(reason).toContain(why);
  });

  it("moves nobody when more take part", () => {
    const at = (traffic: number, n: number) => toAssignment(input(`u${n}`, { traffic })).assignment.variant;
    let added = 0;
    for (let n = 0; n < 2_000; n += 1) {
      const before = at(0.3, n);
      if (before === "") added += Number(at(0.6, n) !== "");
      else expect(at(0.6, n)).toBe(before);
    }
    expect(added).toBeGreaterThan(400);
  });

  it("has the values it stratifies by, in their order", () => {
    const { assignment } = toAssignment(input("ada", { attributes: { plan: "gold", city: null } }));
    expect(assignment.stratum).toBe('["gold",null]');
  });

  it("names what events are counted by: the campaign's own experiment rather than that of all", () => {
    const all = input("ada", { experiment: "all", earlierVariant: "plain" });
    const own = input("ada", { earlierVariant: "bold" });
    expect(toVariantName([all, own])).toBe("colours/bold");
    expect(toVariantName([all, input("ada", { paused: true })])).toBe("all/plain");
    expect(toAssignedName([])).toBe("");
  });
});

describe("a treatment", () => {
  const given = {
    content: create(ContentSchema, { title: "Plain" }),
    policy: create(PolicySchema, { channels: [Channel.EMAIL, Channel.INBOX] }),
  };
  const content = create(ContentSchema, { title: "Bold" });

  it("takes the place of what it names, and leaves the rest", () => {
    const said = applyTreatments(given, [{ treatment: create(TreatmentSchema, { content }) }]);
    expect(said.content?.title).toBe("Bold");
    expect(said.policy).toBe(given.policy);
    const moved = applyTreatments(given, [{ treatment: create(TreatmentSchema, { channels: [Channel.SMS] }) }]);
    expect(moved.content).toBe(given.content);
    expect(moved.policy.channels).toEqual([Channel.SMS]);
    expect(applyTreatments(given, [{}])).toBe(given);
  });

  it("with a template leaves no content behind, and the other way round", () => {
    const template = { template: "hello", version: 1 };
    const said = applyTreatments(given, [{ treatment: create(TreatmentSchema, { template }) }]);
    expect(said).toMatchObject({ template });
    expect(said.content).toBeUndefined();
    expect(applyTreatments(said, [{ treatment: create(TreatmentSchema, { content }) }])).toMatchObject({
      content: { title: "Bold" },
      template: undefined,
    });
  });

  it("done twice is done once", () => {
    const some = [{ treatment: create(TreatmentSchema, { content, channels: [Channel.PUSH] }) }];
    const once = applyTreatments(given, some);
    expect(applyTreatments(once, some)).toEqual(once);
  });
});
