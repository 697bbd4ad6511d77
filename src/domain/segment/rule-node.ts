import { allOf, anyOf, not, type Truth } from "../condition/truth.ts";
import type { FactIndex } from "./shopper-facts.ts";

/** A query in the language of MongoDB, over documents that hold ShopperFacts. */
export type StoreFilter = Readonly<Record<string, unknown>>;

/** One part of a rule, said three ways that mean the same: a predicate, a query and words.
 *  A query can't say "unknown", so there is one for those of whom the part is true and one for those of whom it is false; whoever is
 *  in neither is a shopper of whom nobody can tell. `not` swaps the two. */
export type RuleNode = {
  /** Where it stands in the rule, for errors and explanations. */
  readonly path: string;
  readonly test: (facts: FactIndex, nowMs: number) => Truth;
  readonly whenTrue: (nowMs: number) => StoreFilter;
  readonly whenFalse: (nowMs: number) => StoreFilter;
  /** What it looked at. */
  readonly reason: (facts: FactIndex, nowMs: number) => string;
  readonly below: readonly RuleNode[];
  /** Everybody of whom it is true has this key, so that a query can begin with it. */
  readonly key?: string;
  /** Whether it is true of everybody who has the key. */
  readonly isKeyEnough?: boolean;
};

const filtersOf = (nodes: readonly RuleNode[], side: "whenTrue" | "whenFalse", nowMs: number) =>
  nodes.map((node) => node[side](nowMs));

const count = (nodes: readonly RuleNode[], facts: FactIndex, nowMs: number, wanted: Truth) =>
  nodes.filter((node) => node.test(facts, nowMs) === wanted).length;

function toReason(nodes: readonly RuleNode[], facts: FactIndex, nowMs: number): string {
  const [isTrue, isFalse] = [count(nodes, facts, nowMs, true), count(nodes, facts, nowMs, false)];
  return `${isTrue} true, ${isFalse} false, ${nodes.length - isTrue - isFalse} unknown of ${nodes.length}`;
}

/** True when all are. */
export function joinAll(path: string, below: readonly RuleNode[]): RuleNode {
  const keyed = below.find(({ key }) => key !== undefined);
  return {
    ...{ path, below },
    test: (facts, nowMs) => allOf(below, (node) => node.test(facts, nowMs)),
    whenTrue: (nowMs) => ({ $and: filtersOf(below, "whenTrue", nowMs) }),
    whenFalse: (nowMs) => ({ $or: filtersOf(below, "whenFalse", nowMs) }),
    reason: (facts, nowMs) => toReason(below, facts, nowMs),
    ...(keyed?.key === undefined
      ? {}
      : { key: keyed.key, isKeyEnough: below.length === 1 && keyed.isKeyEnough === true }),
  };
}

/** True when any is. */
export function joinAny(path: string, below: readonly RuleNode[]): RuleNode {
  const [only] = below;
  return {
    ...{ path, below },
    test: (facts, nowMs) => anyOf(below, (node) => node.test(facts, nowMs)),
    whenTrue: (nowMs) => ({ $or: filtersOf(below, "whenTrue", nowMs) }),
    whenFalse: (nowMs) => ({ $and: filtersOf(below, "whenFalse", nowMs) }),
    reason: (facts, nowMs) => toReason(below, facts, nowMs),
    ...(below.length === 1 && only?.key !== undefined ? { key: only.key, isKeyEnough: only.isKeyEnough === true } : {}),
  };
}

/** True when what is below is false. */
export function negate(path: string, node: RuleNode): RuleNode {
  return {
    ...{ path, below: [node] },
    test: (facts, nowMs) => not(node.test(facts, nowMs)),
    whenTrue: node.whenFalse,
    whenFalse: node.whenTrue,
    reason: (facts, nowMs) => toReason([node], facts, nowMs),
  };
}
