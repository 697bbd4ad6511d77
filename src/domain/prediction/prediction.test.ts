import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { PredictionKind } from "../../../gen/intervention/v1/shopper_pb.js";
import { calibrate } from "./calibrate.ts";
import { findHorizonMs, toOutcome } from "./to-outcome.ts";

const MADE = new Date("2026-06-01T12:00:00Z");
const HOUR_MS = 3_600_000;
const order = (hours: number, ...productIds: string[]) => ({
  placedAt: new Date(MADE.getTime() + hours * HOUR_MS),
  productIds,
});

const { ABANDONMENT_RISK, CHURN, PURCHASE_INTENT, NEXT_BEST_PRODUCT, DISCOUNT_AFFINITY } = PredictionKind;
const outcomes = [
  ["purchase intent comes true by an order", PURCHASE_INTENT, [order(1)], true],
  ["purchase intent comes true by an order in the last moment", PURCHASE_INTENT, [order(24)], true],
  ["purchase intent does not come true by an order later on", PURCHASE_INTENT, [order(24.01)], false],
  ["purchase intent does not come true by an order before", PURCHASE_INTENT, [order(0)], false],
  ["abandonment comes true without an order", ABANDONMENT_RISK, [order(25)], true],
  ["abandonment does not come true with one", ABANDONMENT_RISK, [order(2)], false],
  ["churn does not come true by an order in a month", CHURN, [order(720)], false],
  ["churn comes true without one in 90 days", CHURN, [], true],
  ["a next best product comes true when it is bought", NEXT_BEST_PRODUCT, [order(30, "hat", "shoe")], true],
  ["a next best product does not come true when another is", NEXT_BEST_PRODUCT, [order(30, "hat")], false],
] as const;

describe("the outcome of a prediction", () => {
  test.each(outcomes)("%s", (_, kind, orders, expected) => {
    expect(toOutcome({ kind, productId: "shoe", predictedAt: MADE }, orders)).toBe(expected);
  });

  it("of discount affinity is never known", () => expect(findHorizonMs(DISCOUNT_AFFINITY)).toBeUndefined());
});

describe("calibration", () => {
  it("of a small example is what is worked out by hand", () => {
    const found = calibrate([
      { score: 0.9, outcome: true },
      { score: 0.8, outcome: true },
      { score: 0.3, outcome: false },
      { score: 0.85, outcome: false },
    ]);
    expect(found).toMatchObject({ count: 4, positiveCount: 2 });
    expect(found.brierScore).toBeCloseTo((0.01 + 0.04 + 0.09 + 0.7225) / 4, 12);
    expect(found.logLoss).toBeCloseTo(-(Math.log(0.9) + Math.log(0.8) + Math.log(0.7) + Math.log(0.15)) / 4, 12);
    expect(found.expectedCalibrationError).toBeCloseTo((0.1 + 0.3 + 2 * (0.825 - 0.5)) / 4, 12);
    expect(found.bins.map(({ count }) => count)).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 2, 1]);
  });

  it("of nothing is nothing", () => {
    expect(calibrate([])).toMatchObject({ count: 0, brierScore: 0, logLoss: 0, expectedCalibrationError: 0 });
  });

  it("counts each score once, keeps its bounds, and does not depend on their order", () => {
    const scored = fc.array(fc.record({ score: fc.double({ min: 0, max: 1, noNaN: true }), outcome: fc.boolean() }));
    fc.assert(
      fc.property(scored, (list) => {
        const found = calibrate(list);
        expect(found.bins.reduce((sum, { count }) => sum + count, 0)).toBe(list.length);
        for (const bin of found.bins.filter(({ count }) => count > 0)) {
          expect(bin.meanScore).toBeGreaterThanOrEqual(bin.fromScore - 1e-9);
          expect(bin.meanScore).toBeLessThanOrEqual(bin.untilScore + 1e-9);
        }
        expect(found.brierScore).toBeGreaterThanOrEqual(0);
        expect(found.brierScore).toBeLessThanOrEqual(1);
        expect(Number.isFinite(found.logLoss)).toBe(true);
        const again = calibrate(list.toReversed());
        expect(again.brierScore).toBeCloseTo(found.brierScore, 9);
        expect(again.logLoss).toBeCloseTo(found.logLoss, 9);
      }),
    );
  });
});
