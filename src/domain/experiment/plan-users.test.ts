import { describe, expect, it } from "vitest";
import { InvalidInput } from "../errors.ts";
import { asymptoticConfidenceSequence } from "./asymptotic-confidence-sequence.ts";
import { toBucket } from "./bucket.ts";
import { planUsers } from "./plan-users.ts";

const rate = { kind: "rate", baseline: 0.1 } as const;
const wanted = { metric: rate, lift: 0.1, alpha: 0.05, power: 0.8, variants: 2 };

describe("the users that are planned", () => {
  it("are those of the textbook for one look at the end", () => {
    // (1.959964 + 0.841621)² (0.1 · 0.9 + 0.11 · 0.89) / 0.01²
    expect(planUsers(wanted).fixed).toBe(14_749);
  });

  it("of the always-valid interval find the effect with the power asked for, at that size", () => {
    const { alwaysValid: n } = planUsers({ ...wanted, metric: { kind: "rate", baseline: 0.3 }, lift: 0.2 });
    let drawn = 0;
    const count = (p: number) => {
      let x = 0;
      for (let user = 0; user < n; user += 1) {
        drawn += 1;
        x += Number(toBucket("plan", String(drawn)) < p);
      }
      return { n, sum: x, sumSquares: x };
    };
    const tests = 400;
    let found = 0;
    for (let test = 0; test < tests; test += 1) {
      const sides = { a: count(0.3), b: count(0.36) };
      const options = { alpha: 0.05, tuningParameter: 2 * n, differenceType: "absolute" } as const;
      found += Number(asymptoticConfidenceSequence({ ...sides, ...options }).ciLow > 0);
    }
    // Three standard errors of the simulation around 0.8.
    expect(Math.abs(found / tests - 0.8)).toBeLessThan(0.06);
  });

  it("are more for several variants, a smaller effect and more power, and the same for less as for more", () => {
    const { fixed } = planUsers(wanted);
    expect(planUsers({ ...wanted, variants: 4 }).fixed).toBeGreaterThan(fixed);
    expect(planUsers({ ...wanted, lift: 0.05 }).fixed).toBeGreaterThan(3 * fixed);
    expect(planUsers({ ...wanted, power: 0.9 }).fixed).toBeGreaterThan(fixed);
    const mean = { kind: "mean", baseline: 20, standardDeviation: 40 } as const;
    expect(planUsers({ ...wanted, metric: mean })).toEqual(planUsers({ ...wanted, metric: mean, lift: -0.1 }));
  });

  it("are none for a rate that is impossible", () => {
    expect(() => planUsers({ ...wanted, metric: { kind: "rate", baseline: 0.95 } })).toThrow(InvalidInput);
  });
});
