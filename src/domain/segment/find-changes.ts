import type { RuleNode } from "./rule-node.ts";
import type { FactIndex } from "./shopper-facts.ts";

/** That a shopper is in a segment, or was. */
export type Membership = {
  readonly segmentId: string;
  readonly isIn: boolean;
  /** How many times he came or went: names each change. */
  readonly changes: number;
};

/** Where a shopper belongs now, given where he was.
 *  @param segments those that anybody can enter or leave; he stays what he was in others.
 *  @returns `memberships` of all he ever was in, and those that `changed`. */
export function findChanges(
  before: readonly Membership[],
  segments: readonly { readonly segmentId: string; readonly rule: RuleNode | undefined }[],
  { facts, nowMs }: { readonly facts: FactIndex; readonly nowMs: number },
): { readonly memberships: readonly Membership[]; readonly changed: readonly Membership[] } {
  const memberships = new Map(before.map((one) => [one.segmentId, one]));
  const changed: Membership[] = [];
  for (const { segmentId, rule } of segments) {
    const known = memberships.get(segmentId);
    const isIn = rule === undefined ? facts.lists.includes(segmentId) : rule.test(facts, nowMs) === true;
    if (isIn === (known?.isIn ?? false)) continue;
    const change = { segmentId, isIn, changes: (known?.changes ?? 0) + 1 };
    memberships.set(segmentId, change);
    changed.push(change);
  }
  return { memberships: [...memberships.values()], changed };
}
