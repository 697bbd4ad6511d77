import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { thompsonAllocation } from "./thompson-allocation.ts";

const parameter = fc.oneof(
  fc.double({ min: 0.05, max: 5, noNaN: true }),
  fc.double({ min: 1, max: 100_000, noNaN: true }),
);
const arm = fc.record({ alpha: parameter, beta: parameter });
const arms = fc.array(arm, { minLength: 2, maxLength: 6 });
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** P(B > A) for whole parameters, in closed form: Σ B(αa + i, βa + βb) / ((βb + i)·B(1 + i, βb)·B(αa, βa)), i < αb. */
function chanceToWin(alphaA: number, betaA: number, alphaB: number, betaB: number): number {
  const logFactorial = (n: number) => Array.from({ length: n }, (_, i) => Math.log(i + 1)).reduce((a, b) => a + b, 0);
  const logB = (a: number, b: number) => logFactorial(a - 1) + logFactorial(b - 1) - logFactorial(a + b - 1);
  return sum(
    Array.from({ length: alphaB }, (_, i) =>
      Math.exp(logB(alphaA + i, betaA + betaB) - Math.log(betaB + i) - logB(1 + i, betaB) - logB(alphaA, betaA)),
    ),
  );
}

describe("how often each arm is the best", () => {
  // By scipy 1.17.1, integrate.quad of beta.pdf times the others' beta.cdf.
  it("agrees with quadrature by others, tails included", () => {
    const got = thompsonAllocation([
      { alpha: 36, beta: 21 },
      { alpha: 39, beta: 191 },
      { alpha: 33, beta: 200 },
    ]);
    for (const [i, expected] of [0.9999999999924338, 7.432410200812963e-12, 1.3211701767994244e-13].entries()) {
      expect(Math.abs((got[i] ?? 0) - expected)).toBeLessThan(1e-14 + 1e-7 * expected);
    }
  });

  test.each([
    [1, 1, 1, 1],
    [3, 5, 4, 4],
    [40, 60, 45, 55],
    [10, 400, 25, 380],
    [90, 110, 100, 100],
  ])("is the closed form of two arms: Beta(%d, %d) and Beta(%d, %d)", (alphaA, betaA, alphaB, betaB) => {
    const [, best] = thompsonAllocation([
      { alpha: alphaA, beta: betaA },
      { alpha: alphaB, beta: betaB },
    ]);
    expect(Math.abs((best ?? 0) / chanceToWin(alphaA, betaA, alphaB, betaB) - 1)).toBeLessThan(1e-10);
  });

  it("sums to 1, and follows an arm to another place", () => {
    fc.assert(
      fc.property(arms, (list) => {
        const got = thompsonAllocation(list);
        expect(sum(got)).toBeCloseTo(1, 12);
        const turned = thompsonAllocation([...list].reverse()).reverse();
        for (const [i, value] of got.entries()) expect(turned[i]).toBeCloseTo(value, 11);
      }),
      { numRuns: 40 },
    );
  });

  it("grows with an arm's successes, and shrinks with its failures", () => {
    fc.assert(
      fc.property(arms, (list) => {
        const [first, ...others] = list;
        if (first === undefined) return;
        const share = (alpha: number, beta: number) => thompsonAllocation([{ alpha, beta }, ...others])[0] ?? 0;
        expect(share(first.alpha + 1, first.beta)).toBeGreaterThanOrEqual(share(first.alpha, first.beta) - 1e-12);
        expect(share(first.alpha, first.beta + 1)).toBeLessThanOrEqual(share(first.alpha, first.beta) + 1e-12);
      }),
      { numRuns: 25 },
    );
  });

  // P(A is larger) is 1 − 1/2 for arms alike; π²/6·1e-12 for two that sit at the ends, by the series of the double integral.
  test.each([
    [[1e7, 1e9], [1e7, 1e9], 0.5, 1e-9],
    [[1e-3, 1e-3], [1e-3, 1e-3], 0.5, 1e-9],
    [[1e-6, 1], [1, 1e-6], (Math.PI ** 2 / 6) * 1e-12, 1e-5],
  ])(
    "holds for parameters from a billion to a millionth: %j and %j",
    ([a = 0, b = 0], [c = 0, d = 0], expected, within) => {
      const [got = 0] = thompsonAllocation([
        { alpha: a, beta: b },
        { alpha: c, beta: d },
      ]);
      expect(Math.abs(got / expected - 1)).toBeLessThan(within);
    },
  );
});
