import { create } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { ExperimentSchema, ExperimentState } from "../../../gen/intervention/v1/experiment_pb.js";
import { type ExperimentMove, isOpen, moveExperiment } from "./experiment-moves.ts";
import { findConflict } from "./find-conflict.ts";

const { ARCHIVED, DRAFT, PAUSED, RUNNING, STOPPED } = ExperimentState;
const MOVES: readonly ExperimentMove[] = ["start", "pause", "resume", "stop", "archive"];
const allowed: readonly (readonly [ExperimentState, ExperimentMove, ExperimentState])[] = [
  [DRAFT, "start", RUNNING],
  [RUNNING, "start", RUNNING],
  [RUNNING, "pause", PAUSED],
  [PAUSED, "pause", PAUSED],
  [PAUSED, "resume", RUNNING],
  [RUNNING, "resume", RUNNING],
  [RUNNING, "stop", STOPPED],
  [PAUSED, "stop", STOPPED],
  [STOPPED, "stop", STOPPED],
  [DRAFT, "archive", ARCHIVED],
  [STOPPED, "archive", ARCHIVED],
  [ARCHIVED, "archive", ARCHIVED],
];

describe("the life of an experiment", () => {
  test.each(allowed)("from %i by %s is %i", (from, move, to) => {
    expect(moveExperiment(from, move)).toEqual({ kind: "moved", to });
  });

  test.each(
    [DRAFT, RUNNING, PAUSED, STOPPED, ARCHIVED].flatMap((from) =>
      MOVES.filter((move) => !allowed.some(([state, one]) => state === from && one === move)).map(
        (move) => [from, move] as const,
      ),
    ),
  )("has no way from %i by %s, and says so by name", (from, move) => {
    const moved = moveExperiment(from, move);
    expect(moved.kind).toBe("refused");
    expect(moved.kind === "refused" && moved.reason).toContain(`${move} is for one that is`);
  });

  it("has users in it while it runs and while it is paused", () => {
    expect([DRAFT, RUNNING, PAUSED, STOPPED, ARCHIVED].filter(isOpen)).toEqual([RUNNING, PAUSED]);
  });
});

describe("experiments beside each other", () => {
  const experiment = (experimentId: string, more: object) => create(ExperimentSchema, { experimentId, ...more });
  const half = (from: number, layer = "home") => ({ layer: { layer, from, until: from + 0.5 } });
  const one = experiment("one", { campaigns: ["spring", "summer"], ...half(0) });

  test.each([
    ["of other campaigns", { campaigns: ["winter"] }, undefined],
    ["of one campaign", { campaigns: ["summer"] }, /"summer" is in experiment "other"/],
    ["of one campaign in another piece of the layer", { campaigns: ["summer"], ...half(0.5) }, undefined],
    ["of one campaign in an overlapping piece", { campaigns: ["summer"], ...half(0.25) }, /no layer keeps them apart/],
    ["of one campaign in another layer", { campaigns: ["summer"], ...half(0.5, "cart") }, /"summer"/],
    ["of all campaigns", { allCampaigns: true }, undefined],
  ])("%s", (_, more, expected) => {
    const found = findConflict(one, [one, experiment("other", more)]);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(expected);
  });

  it("are no two of all campaigns", () => {
    const all = (id: string) => experiment(id, { allCampaigns: true });
    expect(findConflict(all("a"), [all("b")])).toMatch(/"b" splits all campaigns/);
    expect(findConflict(all("a"), [one])).toBeUndefined();
  });
});
