import { describe, expect, it } from "vitest";
import { measure } from "./measure.ts";
import { type AllocationGroup, poolAllocations } from "./pool-allocations.ts";

const METRIC = { name: "orders", kind: "binary", better: "higher" } as const;
const group = (arm: string, allocation: number, users: number, sum: number): AllocationGroup => ({
  ...{ arm, allocation },
  sums: { name: arm, users, metrics: { orders: { sum, sumSquares: sum } } },
});
const effectOf = (groups: readonly AllocationGroup[]) => {
  const [a, b] = poolAllocations(groups, ["a", "b"]);
  const measured = a === undefined || b === undefined ? undefined : measure(METRIC, a, b);
  if (measured?.kind !== "measured") throw new Error("not measured");
  return measured.difference;
};

describe("arms whose shares changed", () => {
  it("are those that were added up where there was one allocation", () => {
    expect(poolAllocations([group("a", 0, 400, 40), group("b", 0, 600, 90)], ["a", "b"])).toMatchObject([
      { users: 400, metrics: { orders: { sum: 40 } } },
      { users: 600, metrics: { orders: { sum: 90 } } },
    ]);
    const { error, point } = effectOf([group("a", 0, 400, 40), group("b", 0, 600, 90)]);
    expect(point).toBeCloseTo(0.05, 12);
    expect(error).toBeCloseTo((0.1 * 0.9) / 399 + (0.15 * 0.85) / 599, 12);
  });

  it("show no effect where there is none, though times were better when one had the larger share", () => {
    // The same rate in both, 10 % at first and 30 % later, when b gets nine in ten.
    const groups = [
      ...[group("a", 0, 5_000, 500), group("b", 0, 5_000, 500)],
      ...[group("a", 1, 1_000, 300), group("b", 1, 9_000, 2_700)],
    ];
    expect(effectOf(groups).point).toBeCloseTo(0, 12);
    const naive = (500 + 2_700) / 14_000 - (500 + 300) / 6_000;
    expect(naive).toBeGreaterThan(0.09);
  });

  it("take allocations with hardly anybody in an arm together with those beside them, and lose nobody", () => {
    const groups = [
      ...[group("a", 0, 5, 1), group("b", 0, 500, 50)],
      ...[group("a", 1, 500, 50), group("b", 1, 500, 60)],
      ...[group("a", 2, 400, 40), group("b", 2, 3, 1)],
    ];
    const arms = poolAllocations(groups, ["a", "b"]);
    expect(arms.map(({ users }) => users)).toEqual([905, 1_003]);
    expect(effectOf(groups).error).toBeGreaterThan(0);
    expect(poolAllocations([group("a", 0, 5, 1)], ["a", "b"])).toMatchObject([{ users: 5 }, { users: 0 }]);
    expect(poolAllocations([], ["a", "b"])).toMatchObject([{ users: 0 }, { users: 0 }]);
  });

  it("have a standard error that is right for a drifting rate: the estimate varies by as much", () => {
    let state = 5;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return (state >>> 8) / 2 ** 24;
    };
    const draw = (n: number, rate: number) => {
      let sum = 0;
      for (let user = 0; user < n; user += 1) sum += Number(random() < rate);
      return sum;
    };
    const plan = [
      { rate: 0.1, a: 200, b: 200 },
      { rate: 0.3, a: 60, b: 340 },
    ];
    let squares = 0;
    let errors = 0;
    const runs = 1_500;
    for (let run = 0; run < runs; run += 1) {
      const { point, error } = effectOf(
        plan.flatMap(({ rate, a, b }, n) => [group("a", n, a, draw(a, rate)), group("b", n, b, draw(b, rate))]),
      );
      squares += point * point;
      errors += error;
    }
    expect(squares / errors).toBeGreaterThan(0.88);
    expect(squares / errors).toBeLessThan(1.12);
  });
});
