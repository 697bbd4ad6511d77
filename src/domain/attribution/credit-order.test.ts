import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ModelComparison } from "./compare-models.ts";
import { creditOrder, WINDOWS } from "./credit-order.ts";

const HOUR_MS = 3_600_000;
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

  test.each([
    { windows: { clickMs: 2 * HOUR_MS, viewMs: HOUR_MS }, path: ["click 2 h", "view 1 h"] },
    { windows: { clickMs: 2 * HOUR_MS - 1, viewMs: HOUR_MS - 1 }, path: [] },
    { windows: { clickMs: 2 * HOUR_MS, viewMs: undefined }, path: ["click 2 h"] },
    { windows: { clickMs: 30 * 24 * HOUR_MS, viewMs: 3 * HOUR_MS }, path: ["click 29 d", "click 2 h", "view 1 h"] },
  ])("go to what is within the windows of its campaign, to the millisecond: $windows", ({ windows, path }) => {
    const touch = (id: string, kind: "click" | "view", hours: number) => ({
      ...{ id, kind, channel: "email", at: AT - hours * HOUR_MS },
    });
    const touches = [
      touch("click 29 d", "click", 29 * 24),
      touch("click 2 h", "click", 2),
      touch("view 1 h", "view", 1),
    ];
    const credited = creditOrder(touches, { at: AT, valueMinor: 100, refundedMinor: 0 }, () => windows);
    expect(credited.path.map(({ id }) => id)).toEqual(path);
    for (const shares of Object.values(credited.credits)) expect(sum(shares)).toBe(path.length === 0 ? 0 : 100);
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
