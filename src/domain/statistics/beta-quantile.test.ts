import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { betaCdf } from "./beta.ts";
import { betaQuantile } from "./beta-quantile.ts";

describe("the quantile of a beta distribution", () => {
  // In closed form: x^a for b = 1, and 1 − (1 − x)^b for a = 1.
  test.each([
    [0.3, 1, 1, 0.3],
    [0.25, 2, 1, 0.5],
    [0.875, 1, 3, 0.5],
    [1e-12, 3, 1, 1e-4],
  ])("of %d for (%d, %d) is %d", (p, a, b, expected) => {
    expect(betaQuantile(p, a, b) / expected).toBeCloseTo(1, 10);
  });

  it("is where the distribution function has that value", () => {
    const shape = fc.double({ min: 0.5, max: 10_000, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), shape, shape, (p, a, b) => {
        expect(betaCdf(betaQuantile(p, a, b), a, b)).toBeCloseTo(p, 9);
      }),
    );
  });
});
