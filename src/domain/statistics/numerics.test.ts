import gammaln from "@stdlib/math-base-special-gammaln";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { centredSum } from "./centred-sum.ts";
import { findRoot } from "./find-root.ts";
import { integrateLogConcave } from "./integrate-log-concave.ts";

describe("a centred sum", () => {
  it("is exact for what the sums say, however much cancels", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: -99, max: 99 })), {
          minLength: 2,
          maxLength: 50,
        }),
        fc.integer({ min: 0, max: 10_000_000 }),
        (pairs, offset) => {
          const xs = pairs.map(([x]) => BigInt(x + offset));
          const ys = pairs.map(([, y]) => BigInt(y - offset));
          const sum = (of: readonly bigint[]) => of.reduce((total, one) => total + one, 0n);
          const products = sum(xs.map((x, i) => x * (ys[i] ?? 0n)));
          const n = BigInt(pairs.length);
          const exact = Number(n * products - sum(xs) * sum(ys)) / Number(n);
          const got = centredSum({
            n: pairs.length,
            sumX: Number(sum(xs)),
            sumY: Number(sum(ys)),
            sumProducts: Number(products),
          });
          expect(Math.abs(got - exact)).toBeLessThanOrEqual(1e-14 * Math.abs(exact));
        },
      ),
    );
  });
});

describe("the integral of a log-concave function", () => {
  it("is right for widths and places of any size", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e3, max: 1e3, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        fc.double({ min: 0.05, max: 500, noNaN: true }),
        (mean, deviation, shape) => {
          const normal = integrateLogConcave((u) => -0.5 * ((u - mean) / deviation) ** 2, [{ at: 0, width: 1 }]);
          expect(normal).toBeCloseTo(Math.log(deviation * Math.sqrt(2 * Math.PI)), 11);
          // Γ(shape), over the logarithm: a long tail on one side and none on the other.
          const gamma = integrateLogConcave((u) => shape * u - Math.exp(u), [{ at: 0, width: 1 }]);
          expect(Math.abs(gamma - gammaln(shape))).toBeLessThan(1e-11 * Math.max(1, Math.abs(gammaln(shape))));
        },
      ),
    );
  });
});

describe("a root", () => {
  it("is found to the last digits, or as near as asked", () => {
    fc.assert(
      fc.property(fc.double({ min: -50, max: 50, noNaN: true }), (root) => {
        const f = (x: number) => Math.expm1(x - root) * (1 + (x - root) ** 2);
        expect(Math.abs(findRoot(f, -60, 60) - root)).toBeLessThan(1e-13);
        expect(Math.abs(findRoot(f, -60, 60, 1e-3) - root)).toBeLessThan(1e-3);
      }),
    );
  });

  it("isn't looked for where the sign doesn't change", () => {
    expect(() => findRoot((x) => x * x + 1, -1, 1)).toThrow(/no change of sign/);
  });
});
