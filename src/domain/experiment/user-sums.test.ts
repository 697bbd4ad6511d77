import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addArms, type MeasuredUser, UserSums } from "./user-sums.ts";

const METRICS = [{ name: "a" }, { name: "b" }, { name: "c" }];
const user = (arm: string, stratum: string, value: number): MeasuredUser => ({
  ...{ arm, stratum },
  values: [{ value }, { value, denominator: 2 * value + 1 }, { value, before: value - 1 }],
});

describe("sums of users", () => {
  it("are those of each arm and stratum, and of an arm when its strata are added", () => {
    const users = fc.array(
      fc.record({
        arm: fc.constantFrom("x", "y"),
        stratum: fc.constantFrom("1", "2"),
        value: fc.integer({ max: 99, min: 0 }),
      }),
    );
    fc.assert(
      fc.property(users, (given) => {
        const sums = new UserSums(METRICS);
        for (const { arm, stratum, value } of given) sums.add(user(arm, stratum, value));
        const groups = sums.close();
        for (const name of ["x", "y"]) {
          const own = given.filter(({ arm }) => arm === name).map(({ value }) => value);
          const sum = (of: (value: number) => number) => own.reduce((total, value) => total + of(value), 0);
          const { users: n, metrics } = addArms(
            groups.filter(({ arm }) => arm === name).map((group) => group.sums),
            name,
          );
          expect(n).toBe(own.length);
          if (own.length === 0) continue;
          expect(metrics).toEqual({
            a: { sum: sum((v) => v), sumSquares: sum((v) => v * v) },
            b: {
              ...{ sum: sum((v) => v), sumSquares: sum((v) => v * v) },
              denominator: {
                sum: sum((v) => 2 * v + 1),
                sumSquares: sum((v) => (2 * v + 1) ** 2),
                sumProducts: sum((v) => v * (2 * v + 1)),
              },
            },
            c: {
              ...{ sum: sum((v) => v), sumSquares: sum((v) => v * v) },
              before: {
                sum: sum((v) => v - 1),
                sumSquares: sum((v) => (v - 1) ** 2),
                sumProducts: sum((v) => v * (v - 1)),
              },
            },
          });
        }
      }),
    );
  });

  it("lower what is large to one quantile of all users, whichever arm they are of", () => {
    const sums = new UserSums([{ name: "spent", winsorize: 0.9 }]);
    for (let n = 0; n <= 10; n += 1)
      sums.add({
        arm: n % 2 === 0 ? "even" : "odd",
        stratum: "[]",
        values: [{ value: n === 10 ? 1_000 : n, before: n }],
      });
    const [even, odd] = sums.close().map((group) => group.sums.metrics.spent);
    expect(even).toMatchObject({ sum: 0 + 2 + 4 + 6 + 8 + 9, before: { sum: 0 + 2 + 4 + 6 + 8 + 9 } });
    expect(odd).toMatchObject({ sum: 1 + 3 + 5 + 7 + 9 });
  });
});
