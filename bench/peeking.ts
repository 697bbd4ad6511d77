import { asymptoticConfidenceSequence } from "../src/domain/experiment/asymptotic-confidence-sequence.ts";
import { twoProportionZTest } from "../src/domain/experiment/two-proportion-z-test.ts";
import type { Random } from "./random.ts";

export type Peeking = {
  readonly tests: number;
  /** Of both arms together, at the end of each test. */
  readonly users: number;
  /** Users between two looks. */
  readonly every: number;
  readonly rateA: number;
  readonly rateB: number;
  readonly alpha: number;
  readonly random: Random;
};

/** Shares of the tests that claimed a difference. */
export type Claims = {
  /** At some look, by the always-valid interval. */
  readonly alwaysValid: number;
  /** At some look, by the test that is made for one look. */
  readonly fixedPeeked: number;
  /** At the last look, by that test: as it is meant. */
  readonly fixedAtEnd: number;
  /** At the last look, by the always-valid interval. */
  readonly alwaysValidAtEnd: number;
};

/** Runs whole experiments on a binary goal, user by user and arm by fair coin, and looks at each again and again. */
export function simulatePeeking(plan: Peeking): Claims {
  const claims = { alwaysValid: 0, fixedPeeked: 0, fixedAtEnd: 0, alwaysValidAtEnd: 0 };
  for (let test = 0; test < plan.tests; test += 1) {
    const { alwaysValid, fixedPeeked, fixedAtEnd, alwaysValidAtEnd } = runTest(plan);
    claims.alwaysValid += Number(alwaysValid);
    claims.fixedPeeked += Number(fixedPeeked);
    claims.fixedAtEnd += Number(fixedAtEnd);
    claims.alwaysValidAtEnd += Number(alwaysValidAtEnd);
  }
  return {
    alwaysValid: claims.alwaysValid / plan.tests,
    fixedPeeked: claims.fixedPeeked / plan.tests,
    fixedAtEnd: claims.fixedAtEnd / plan.tests,
    alwaysValidAtEnd: claims.alwaysValidAtEnd / plan.tests,
  };
}

function runTest({ users, every, rateA, rateB, alpha, random }: Peeking) {
  const counts = { nA: 0, xA: 0, nB: 0, xB: 0 };
  let [alwaysValid, fixedPeeked, fixedAtEnd, alwaysValidAtEnd] = [false, false, false, false];
  for (let user = 1; user <= users; user += 1) {
    if (random() < 0.5) {
      counts.nA += 1;
      if (random() < rateA) counts.xA += 1;
    } else {
      counts.nB += 1;
      if (random() < rateB) counts.xB += 1;
    }
    if (user % every !== 0 && user !== users) continue;
    fixedAtEnd = claimsFixed(counts, alpha);
    alwaysValidAtEnd = claimsAlwaysValid(counts, alpha, users);
    fixedPeeked ||= fixedAtEnd;
    alwaysValid ||= alwaysValidAtEnd;
  }
  return { alwaysValid, fixedPeeked, fixedAtEnd, alwaysValidAtEnd };
}

type Counts = { readonly nA: number; readonly xA: number; readonly nB: number; readonly xB: number };

/** Without a conversion, or with nothing else, there is nothing to test. */
const varies = ({ nA, xA, nB, xB }: Counts): boolean => xA + xB > 0 && xA + xB < nA + nB;

function claimsFixed(counts: Counts, alpha: number): boolean {
  return varies(counts) && twoProportionZTest({ ...counts, alpha, variance: "pooled" }).pValue < alpha;
}

function claimsAlwaysValid(counts: Counts, alpha: number, tuningParameter: number): boolean {
  if (!varies(counts)) return false;
  const sequence = asymptoticConfidenceSequence({
    a: { n: counts.nA, sum: counts.xA, sumSquares: counts.xA },
    b: { n: counts.nB, sum: counts.xB, sumSquares: counts.xB },
    alpha,
    tuningParameter,
    differenceType: "absolute",
  });
  return sequence.ciLow > 0 || sequence.ciHigh < 0;
}
