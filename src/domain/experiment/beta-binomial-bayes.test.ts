import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { betaBinomialBayes } from "./beta-binomial-bayes.ts";

/** n!, kept. */
const factorials: bigint[] = [1n];
function factorial(n: number): bigint {
  for (let k = factorials.length; k <= n; k += 1) factorials.push((factorials[k - 1] ?? 1n) * BigInt(k));
  return factorials[n] ?? 1n;
}

type Fraction = readonly [bigint, bigint];

const times = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * c, b * d];
const minus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d - c * b, b * d];
const toNumber = ([a, b]: Fraction): number => {
  // Enough digits, whatever the size.
  const shift = BigInt(Math.max(0, b.toString(2).length - a.toString(2).length + 80));
  return Number((a << shift) / b) / 2 ** Number(shift);
};

/** B(a, b) for whole a and b. */
const beta = (a: number, b: number): Fraction => [factorial(a - 1) * factorial(b - 1), factorial(a + b - 1)];

/** P(B > A) as a fraction: Miller 2015, eq. 6. */
function chance(aA: number, bA: number, aB: number, bB: number): Fraction {
  let sum: Fraction = [0n, 1n];
  const [top, bottom] = beta(aA, bA);
  for (let i = 0; i < aB; i += 1) {
    const [over, under] = times(beta(aA + i, bA + bB), [bottom, top]);
    const [c, d] = beta(1 + i, bB);
    sum = minus(sum, [-over * d, under * BigInt(bB + i) * c]);
  }
  return sum;
}

/** E max(B − A, 0) = mean_B · P(B′ > A) − mean_A · P(B > A′), with one more success in B′ and A′: Stucchio 2015. */
function loss(aA: number, bA: number, aB: number, bB: number): Fraction {
  return minus(
    times([BigInt(aB), BigInt(aB + bB)], chance(aA, bA, aB + 1, bB)),
    times([BigInt(aA), BigInt(aA + bA)], chance(aA + 1, bA, aB, bB)),
  );
}

const arm = fc.tuple(fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 60 }));

describe("chance to win and expected loss", () => {
  it("are those of exact fractions, for small whole counts", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(arm, arm, ([xA, restA], [xB, restB]) => {
        const got = betaBinomialBayes({ xA, nA: xA + restA, xB, nB: xB + restB, priorAlpha: 1, priorBeta: 1 });
        const of = [xA + 1, restA + 1, xB + 1, restB + 1] as const;
        const swapped = [xB + 1, restB + 1, xA + 1, restA + 1] as const;
        for (const [value, exact] of [
          [got.chanceToWin, toNumber(chance(...of))],
          [got.expectedLossA, toNumber(loss(...of))],
          [got.expectedLossB, toNumber(loss(...swapped))],
        ] as const)
          expect(Math.abs(value - exact)).toBeLessThanOrEqual(1e-11 * exact);
      }),
      { numRuns: 60 },
    );
  });

  const count = fc.integer({ min: 0, max: 5_000_000 });
  const prior = fc.double({ min: 0.01, max: 100, noNaN: true });

  it("add up, mirror and turn, whatever the counts and the prior", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(count, count, count, count, prior, prior, (xA, restA, xB, restB, priorAlpha, priorBeta) => {
        const counts = { xA, nA: xA + restA, xB, nB: xB + restB, priorAlpha, priorBeta };
        const got = betaBinomialBayes(counts);
        for (const value of Object.values(got)) expect(value).toBeGreaterThanOrEqual(0);
        // E max(B − A, 0) − E max(A − B, 0) = E B − E A.
        const scale = Math.max(got.meanA, got.meanB);
        const difference = got.expectedLossA - got.expectedLossB;
        expect(Math.abs(difference - (got.meanB - got.meanA))).toBeLessThan(1e-9 * scale);
        const turned = betaBinomialBayes({ xA: xB, nA: counts.nB, xB: xA, nB: counts.nA, priorAlpha, priorBeta });
        expect(got.chanceToWin + turned.chanceToWin).toBeCloseTo(1, 10);
        expect(turned.expectedLossA).toBeCloseTo(got.expectedLossB, 10);
        // Failures for successes: what was the higher rate is the lower.
        const mirrored = betaBinomialBayes({
          xA: restA,
          nA: counts.nA,
          xB: restB,
          nB: counts.nB,
          priorAlpha: priorBeta,
          priorBeta: priorAlpha,
        });
        expect(mirrored.chanceToWin + got.chanceToWin).toBeCloseTo(1, 10);
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    { xA: 0, nA: 0, xB: 0, nB: 0 },
    { xA: 7, nA: 9, xB: 7, nB: 9 },
    { xA: 4_000_000, nA: 100_000_000, xB: 4_000_000, nB: 100_000_000 },
  ])("are even for equal arms: $xA of $nA", (counts) => {
    const got = betaBinomialBayes({ ...counts, priorAlpha: 1, priorBeta: 1 });
    expect(got.chanceToWin).toBeCloseTo(0.5, 11);
    expect(got.expectedLossA).toBeCloseTo(got.expectedLossB, 12);
  });
});
