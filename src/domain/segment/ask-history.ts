import { Operator } from "../../../gen/intervention/v1/condition_pb.js";
import type { SegmentRule_Foreseen } from "../../../gen/intervention/v1/segment_pb.js";
import type { RuleNode } from "./rule-node.ts";
import { DAY_MS, type FactIndex, type Foresight, toFactKey, toListKey } from "./shopper-facts.ts";

/** Whether something was done so often; never unknown.
 *  @param asked.withinDays today and the days before it; 0: ever. */
export function askDid(
  path: string,
  { kind, atLeast, withinDays }: { readonly kind: string; readonly atLeast: number; readonly withinDays: number },
): RuleNode {
  // The activity of the first day in the window has the count of the whole window.
  const firstDay = (nowMs: number) => (withinDays === 0 ? 0 : Math.floor(nowMs / DAY_MS) - withinDays + 1);
  const times = (facts: FactIndex, nowMs: number) =>
    facts.activity.reduce(
      (most, one) => (one.kind === kind && one.day >= firstDay(nowMs) ? Math.max(most, one.since) : most),
      0,
    );
  const done = (nowMs: number) => ({
    activity: { $elemMatch: { kind, day: { $gte: firstDay(nowMs) }, since: { $gte: atLeast } } },
  });
  return {
    path,
    below: [],
    test: (facts, nowMs) => times(facts, nowMs) >= atLeast,
    whenTrue: done,
    whenFalse: (nowMs) => ({ $nor: [done(nowMs)] }),
    reason: (facts, nowMs) =>
      `${kind} ${times(facts, nowMs)} times ${withinDays === 0 ? "ever" : `within ${withinDays} days`}, asked for ${atLeast}`,
  };
}

/** Whether a consent stands so; never unknown.
 *  @param asked.path of the fact that has it. */
export function askConsented(path: string, asked: { readonly path: string; readonly status: string }): RuleNode {
  const given = { facts: { $elemMatch: { path: asked.path, text: asked.status } } };
  const key = toFactKey(asked.path, asked.status);
  return {
    path,
    below: [],
    test: (facts) => facts.byPath.get(asked.path)?.text === asked.status,
    whenTrue: () => given,
    whenFalse: () => ({ $nor: [given] }),
    reason: (facts) => `${asked.path} is ${facts.byPath.get(asked.path)?.text ?? "not known"}`,
    ...(key === undefined ? {} : { key, isKeyEnough: true }),
  };
}

const SIDES = {
  [Operator.EQUAL]: ["$eq", "$ne", (a: number, b: number) => a === b],
  [Operator.NOT_EQUAL]: ["$ne", "$eq", (a: number, b: number) => a !== b],
  [Operator.LESS]: ["$lt", "$gte", (a: number, b: number) => a < b],
  [Operator.LESS_OR_EQUAL]: ["$lte", "$gt", (a: number, b: number) => a <= b],
  [Operator.GREATER]: ["$gt", "$lte", (a: number, b: number) => a > b],
  [Operator.GREATER_OR_EQUAL]: ["$gte", "$lt", (a: number, b: number) => a >= b],
} as const;

/** How a score can be compared. */
export const isScoreOperator = (operator: Operator): operator is keyof typeof SIDES => Object.hasOwn(SIDES, operator);

/** How likely something is foreseen to be; unknown when nothing is foreseen, or does not hold any more. */
export function askForeseen(
  path: string,
  asked: Pick<SegmentRule_Foreseen, "score"> & { readonly kind: string; readonly operator: keyof typeof SIDES },
): RuleNode {
  const { kind, score } = asked;
  const [isTrue, isFalse, compare] = SIDES[asked.operator];
  const find = (facts: FactIndex, nowMs: number): Foresight | undefined =>
    facts.foresight.find((one) => one.kind === kind && one.until > nowMs);
  const match = (operator: string, nowMs: number) => ({
    foresight: { $elemMatch: { kind, until: { $gt: nowMs }, score: { [operator]: score } } },
  });
  return {
    path,
    below: [],
    test: (facts, nowMs) => {
      const found = find(facts, nowMs);
      return found === undefined ? undefined : compare(found.score, score);
    },
    whenTrue: (nowMs) => match(isTrue, nowMs),
    whenFalse: (nowMs) => match(isFalse, nowMs),
    reason: (facts, nowMs) => `${kind} is ${find(facts, nowMs)?.score ?? "not foreseen"}`,
  };
}

/** Whether the shopper was put into a segment that has no rule; never unknown. */
export function askListed(path: string, segmentId: string): RuleNode {
  return {
    path,
    below: [],
    test: ({ lists }) => lists.includes(segmentId),
    whenTrue: () => ({ lists: segmentId }),
    whenFalse: () => ({ lists: { $ne: segmentId } }),
    reason: ({ lists }) => `${lists.includes(segmentId) ? "in" : "not in"} the list ${segmentId}`,
    ...{ key: toListKey(segmentId), isKeyEnough: true },
  };
}
