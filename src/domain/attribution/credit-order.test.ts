import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ModelComparison } from "./compare-models.ts";
import { creditOrder, WINDOWS } from "./credit-order.ts";

const AT = Date.UTC(2026, 5, 15);
const someTouch = fc.record({
  id: fc.uuid(),
  channel: fc.constantFrom("email", "realtime", "direct"),
  kind: fc.constantFrom("click" as const, "view" as const),
  at: fc.integer({ min: AT - 2 * WINDOWS.clickMs, max: AT + WINDOWS.viewMs }),
});
const someOrder = fc
  .record({ valueMinor: fc.nat(1_000_000), part: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ valueMinor, part }) => ({ at: AT, valueMinor, refundedMinor: Math.floor(valueMinor * part) }));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe("an order's credits", () => {
  it("of each model sum to what is left of it after refunds, and go to the path alone", () => {
    fc.assert(
      fc.property(fc.array(someTouch, { maxLength: 12 }), someOrder, (touches, order) => {
        const { path, credits } = creditOrder(touches, order);
        for (const shares of Object.values(credits)) {
          expect(shares).toHaveLength(path.length);
          if (path.length > 0) expect(sum(shares)).toBe(order.valueMinor - order.refundedMinor);
        }
        for (const { at, kind } of path) {
          expect(at).toBeLessThanOrEqual(AT);
          expect(AT - at).toBeLessThanOrEqual(kind === "click" ? WINDOWS.clickMs : WINDOWS.viewMs);
        }
      }),
    );
  });

  it("side by side come to the same total in every model, those of all paths together too", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(someTouch, { maxLength: 5 }), someOrder), { maxLength: 10 }), (orders) => {
        const comparison = new ModelComparison();
        let [total, nothing] = [0, 0];
        for (const [touches, order] of orders) {
          const { path, credits } = creditOrder(touches, order);
          const netMinor = order.valueMinor - order.refundedMinor;
          comparison.add({ netMinor, credits, groups: path.map(({ channel }) => channel) });
          if (path.length === 0) nothing += netMinor;
          else total += netMinor;
        }
        const { byGroup, unattributedMinor } = comparison.toResult();
        expect(unattributedMinor).toBe(nothing);
        const models = new Map<string, number>();
        for (const credits of byGroup.values())
          for (const [model, minor] of credits) models.set(model, (models.get(model) ?? 0) + minor);
        for (const minor of models.values()) expect(minor).toBe(total);
        expect(models.size).toBe(byGroup.size === 0 ? 0 : 9);
      }),
    );
  });
});
