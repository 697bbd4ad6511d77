import type { Truth } from "../condition/truth.ts";
import type { RuleNode } from "./rule-node.ts";
import type { FactIndex } from "./shopper-facts.ts";

/** What every part of a rule says of a shopper, each part before those below it. */
export function explainRule(
  node: RuleNode,
  facts: FactIndex,
  nowMs: number,
): { readonly path: string; readonly truth: Truth; readonly reason: string }[] {
  const own = { path: node.path, truth: node.test(facts, nowMs), reason: node.reason(facts, nowMs) };
  return [own, ...node.below.flatMap((below) => explainRule(below, facts, nowMs))];
}
