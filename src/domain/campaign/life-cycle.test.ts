import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { CampaignSchema, CampaignState, ReviewRule } from "../../../gen/intervention/v1/campaign_pb.js";
import {
  CAMPAIGN_MOVES,
  type CampaignMove,
  findChangeRefusal,
  findNextMove,
  moveCampaign,
  toStateAt,
} from "./life-cycle.ts";

const { DRAFT, REVIEW, SCHEDULED, RUNNING, PAUSED, COMPLETED, ARCHIVED } = CampaignState;
const STATES = [DRAFT, REVIEW, SCHEDULED, RUNNING, PAUSED, COMPLETED, ARCHIVED];
const state = fc.constantFrom(...STATES);
const move = fc.constantFrom(...CAMPAIGN_MOVES);
const reviewRule = fc.constantFrom(ReviewRule.OPTIONAL, ReviewRule.REQUIRED, ReviewRule.BY_ANOTHER);
const at = fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: undefined });

const campaignOf = (given: { state: CampaignState; startMs?: number | undefined; endMs?: number | undefined }) =>
  create(CampaignSchema, {
    state: given.state,
    ...(given.startMs === undefined ? {} : { startTime: timestampFromMs(given.startMs) }),
    ...(given.endMs === undefined ? {} : { expireTime: timestampFromMs(given.endMs) }),
  });

/** Where moves lead one after the other; those that are refused change nothing. */
function follow(moves: readonly CampaignMove[], rule: ReviewRule): { path: CampaignState[]; made: CampaignMove[] } {
  const path: CampaignState[] = [DRAFT];
  const made: CampaignMove[] = [];
  for (const one of moves) {
    const moved = moveCampaign({ state: path.at(-1) ?? DRAFT, reviewRule: rule }, one);
    if (!("state" in moved)) continue;
    path.push(moved.state);
    made.push(one);
  }
  return { path, made };
}

describe("a campaign's life cycle", () => {
  test.each([
    [["submit", "approve", "start", "pause", "resume", "complete", "archive"], ReviewRule.BY_ANOTHER, ARCHIVED],
    [["schedule", "start", "complete"], ReviewRule.OPTIONAL, COMPLETED],
    [["resume", "pause", "return"], ReviewRule.OPTIONAL, DRAFT],
    [["submit", "return", "submit", "approve", "resume"], ReviewRule.REQUIRED, RUNNING],
  ] as const)("allows %j", (moves, rule, end) => {
    expect(follow(moves, rule)).toMatchObject({ made: moves });
    expect(follow(moves, rule).path.at(-1)).toBe(end);
  });

  test.each([
    [DRAFT, "pause", /is a draft and can't be paused: it can be submitted, scheduled, resumed or archived/],
    [REVIEW, "resume", /is in review and can't be resumed: it can be approved, returned to draft or archived/],
    [RUNNING, "submit", /is running and can't be submitted: it can be paused, completed or archived/],
    [COMPLETED, "resume", /is completed and can't be resumed: it can be archived/],
    [ARCHIVED, "return", /is archived and can't be returned to draft: it can only be duplicated/],
  ] as const)("refuses by name what state %d does not allow: %s", (from, one, words) => {
    const moved = moveCampaign({ state: from, reviewRule: ReviewRule.OPTIONAL }, one);
    expect("refusal" in moved ? moved.refusal : "").toMatch(words);
  });

  it("never leaves archived, leaves completed for that alone, and runs unreviewed nowhere where a review must be", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 30 }), reviewRule, (moves, rule) => {
        const { path, made } = follow(moves, rule);
        for (const [index, from] of path.slice(0, -1).entries()) {
          if (from === ARCHIVED) expect(path[index + 1]).toBe(ARCHIVED);
          if (from === COMPLETED) expect([COMPLETED, ARCHIVED]).toContain(path[index + 1]);
          if (path[index + 1] !== RUNNING || rule === ReviewRule.OPTIONAL) continue;
          const sinceDraft = made.slice(path.slice(0, index + 1).lastIndexOf(DRAFT), index + 1);
          expect(sinceDraft).toContain("approve");
        }
      }),
    );
  });

  it("does nothing a second time", () => {
    fc.assert(
      fc.property(state, move, reviewRule, (from, one, rule) => {
        const first = moveCampaign({ state: from, reviewRule: rule }, one);
        fc.pre("state" in first);
        if ("state" in first) expect(moveCampaign({ state: first.state, reviewRule: rule }, one)).toEqual(first);
      }),
    );
  });

  it("can be changed while it is no other's to judge", () => {
    const changeable = STATES.filter(
      (one) => findChangeRefusal({ state: one, reviewRule: ReviewRule.OPTIONAL }) === undefined,
    );
    expect(changeable).toEqual([DRAFT, SCHEDULED, RUNNING, PAUSED]);
    for (const one of STATES.filter((each) => each !== DRAFT))
      expect(findChangeRefusal({ state: one, reviewRule: ReviewRule.REQUIRED })).toBeDefined();
  });
});

describe("time", () => {
  it("moves what is due and nothing else, until there is nothing due any more", () => {
    fc.assert(
      fc.property(state, at, at, fc.integer({ min: 0, max: 1_000 }), (from, startMs, endMs, nowMs) => {
        const campaign = campaignOf({ state: from, startMs, endMs });
        const current = toStateAt({ ...campaign, reviewRule: ReviewRule.REQUIRED }, nowMs);
        const next = findNextMove({ ...campaign, state: current });
        expect(next ?? Number.POSITIVE_INFINITY).toBeGreaterThan(nowMs);
        if ((findNextMove(campaign) ?? Number.POSITIVE_INFINITY) > nowMs) expect(current).toBe(from);
        const isOver = endMs !== undefined && endMs <= nowMs;
        if ([SCHEDULED, RUNNING, PAUSED].includes(from) && isOver) expect(current).toBe(COMPLETED);
        else if (from === SCHEDULED && startMs !== undefined && startMs <= nowMs) expect(current).toBe(RUNNING);
        else expect(current).toBe(from);
      }),
    );
  });
});
