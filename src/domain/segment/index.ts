export { compileRule, type FindSegment } from "./compile-rule.ts";
export { explainRule } from "./explain-rule.ts";
export { findChanges, type Membership } from "./find-changes.ts";
export type { RuleNode, StoreFilter } from "./rule-node.ts";
export {
  type Fact,
  type FactIndex,
  type ShopperFacts,
  toFactIndex,
  toFactKeys,
  toListKey,
} from "./shopper-facts.ts";
export { type Customer, suggestSegments } from "./suggest-segments.ts";
export { toShopperFacts } from "./to-shopper-facts.ts";
