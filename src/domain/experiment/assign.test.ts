import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { chiSquareSf } from "../statistics/chi-square.ts";
import { type Assignment, assign } from "./assign.ts";
import { toBucket } from "./bucket.ts";
import { sampleRatioMismatch } from "./sample-ratio-mismatch.ts";

const users = 1_000_000;
/** A p-value below this in a test whose draws are fixed would be a fault of the hash, not bad luck. */
const suspicious = 1e-4;

const plan: Assignment = {
  salt: "spring",
  arms: [
    { name: "control", weight: 2 },
    { name: "gentle", weight: 1 },
    { name: "bold", weight: 1 },
  ],
  exposure: 1,
};

/** Name of the arm, or what happened instead. */
const outcome = (where: Assignment, userId: string): string => {
  const assigned = assign(where, { userId });
  return assigned.kind === "assigned" ? assigned.arm : assigned.kind;
};

/** Pearson's test that rows and columns know nothing of each other. */
function independence(table: readonly (readonly number[])[]): number {
  const rows = table.map((row) => row.reduce((sum, n) => sum + n, 0));
  const columns = (table[0] ?? []).map((_, j) => table.reduce((sum, row) => sum + (row[j] ?? 0), 0));
  const total = rows.reduce((sum, n) => sum + n, 0);
  let chiSquare = 0;
  for (const [i, row] of table.entries())
    for (const [j, n] of row.entries()) {
      const expected = ((rows[i] ?? 0) * (columns[j] ?? 0)) / total;
      chiSquare += (n - expected) ** 2 / expected;
    }
  return chiSquareSf(chiSquare, (rows.length - 1) * (columns.length - 1));
}

describe("a bucket", () => {
  test.each([
    // Words 1 and 2 of MurmurHash3_x86_128 with seed 0, by the Python package mmh3.
    ["", "", 0x67008c86, 0xb774d282],
    ["salt", "user-1", 0xc169f5e7, 0x5701fc9f],
    ["salt", "a user id longer than one block, ü", 0x45f82173, 0x591504c7],
  ])("of %j and %j is that of the published function", (salt, userId, h1, h2) => {
    expect(toBucket(salt, userId)).toBe((h1 * 2 ** 21 + (h2 >>> 11)) / 2 ** 53);
  });

  it("is uniform over a million users, and independent between salts, consecutive users and low digits", {
    timeout: 120_000,
  }, () => {
    const cells = 100;
    const counts = new Array<number>(cells).fill(0);
    const pairs = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
    const neighbours = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
    const fine = new Array<number>(64).fill(0);
    let before = 0;
    for (let i = 0; i < users; i += 1) {
      const one = toBucket("one", `user-${i}`);
      const other = Math.floor(10 * toBucket("two", `user-${i}`));
      const coarse = Math.floor(10 * one);
      counts[Math.floor(cells * one)] = (counts[Math.floor(cells * one)] ?? 0) + 1;
      const row = pairs[coarse] ?? [];
      row[other] = (row[other] ?? 0) + 1;
      const beside = neighbours[before] ?? [];
      beside[coarse] = (beside[coarse] ?? 0) + 1;
      before = coarse;
      const low = Math.floor(one * 2 ** 53) % 64;
      fine[low] = (fine[low] ?? 0) + 1;
    }
    const even = (of: readonly number[]) => sampleRatioMismatch({ observed: of, weights: of.map(() => 1) }).pValue;
    expect(even(counts)).toBeGreaterThan(suspicious);
    expect(even(fine)).toBeGreaterThan(suspicious);
    expect(independence(pairs)).toBeGreaterThan(suspicious);
    expect(independence(neighbours)).toBeGreaterThan(suspicious);
  });
});

describe("assignment", () => {
  it("follows the weights over a million users, and knows nothing of other experiments", { timeout: 120_000 }, () => {
    const arms = plan.arms.map(({ name }) => name);
    const plans = [plan, { ...plan, salt: "summer" }, { ...plan, salt: "spring2" }];
    const pairs = [
      [0, 1],
      [0, 2],
      [1, 2],
    ].map(([one = 0, other = 0]) => ({ one, other, table: arms.map(() => arms.map(() => 0)) }));
    for (let i = 0; i < users; i += 1) {
      const drawn = plans.map((where) => arms.indexOf(outcome(where, `u${i}`)));
      for (const { one, other, table } of pairs) {
        const row = table[drawn[one] ?? 0] ?? [];
        const column = drawn[other] ?? 0;
        row[column] = (row[column] ?? 0) + 1;
      }
    }
    for (const { table } of pairs) {
      expect(independence(table)).toBeGreaterThan(suspicious);
      const observed = table.map((row) => row.reduce((sum, n) => sum + n, 0));
      expect(sampleRatioMismatch({ observed, weights: [2, 1, 1] }).pValue).toBeGreaterThan(suspicious);
    }
  });

  it("shows a fault that loses one in fifty of one arm as a sample ratio mismatch", () => {
    const observed = [0, 0, 0];
    for (let i = 0; i < 200_000; i += 1) {
      const index = plan.arms.findIndex(({ name }) => name === outcome(plan, `u${i}`));
      if (index === 2 && i % 50 === 0) continue;
      observed[index] = (observed[index] ?? 0) + 1;
    }
    expect(sampleRatioMismatch({ observed, weights: [2, 1, 1] }).pValue).toBeLessThan(1e-3);
  });

  it("keeps everybody who is in where they are while the exposure is raised", () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (userId, one, other) => {
          const [less, more] = [Math.min(one, other), Math.max(one, other)];
          const before = assign({ ...plan, exposure: less }, { userId });
          if (before.kind === "assigned") expect(assign({ ...plan, exposure: more }, { userId })).toEqual(before);
        },
      ),
    );
  });

  it("keeps the weights among those exposed, however few", () => {
    const observed = plan.arms.map(() => 0);
    for (let i = 0; i < 50_000; i += 1) {
      const index = plan.arms.findIndex(({ name }) => name === outcome({ ...plan, exposure: 0.1 }, `u${i}`));
      if (index >= 0) observed[index] = (observed[index] ?? 0) + 1;
    }
    expect(sampleRatioMismatch({ observed, weights: [2, 1, 1] }).pValue).toBeGreaterThan(suspicious);
  });

  it("exposes the share it says, and nobody at 0", () => {
    const exposed = (exposure: number) =>
      Array.from({ length: 100_000 }, (_, i) => outcome({ ...plan, exposure }, `u${i}`)).filter(
        (kind) => kind !== "not_yet_exposed",
      ).length;
    expect(exposed(0)).toBe(0);
    expect(exposed(1)).toBe(100_000);
    expect(
      sampleRatioMismatch({ observed: [exposed(0.1), 100_000 - exposed(0.1)], weights: [1, 9] }).pValue,
    ).toBeGreaterThan(suspicious);
  });

  it("puts nobody into two experiments of one layer, and everybody into one when they share all of it", () => {
    const left = { ...plan, layer: { salt: "home", from: 0, until: 0.3 } };
    const right = { ...plan, salt: "autumn", layer: { salt: "home", from: 0.3, until: 1 } };
    for (let i = 0; i < 20_000; i += 1) {
      const outside = [left, right].filter((where) => outcome(where, `u${i}`) === "in_another_experiment");
      expect(outside).toHaveLength(1);
    }
  });

  it("holds the same people out of every campaign, and others out of one campaign alone", () => {
    const globalHoldout = { salt: "workspace", share: 0.1 };
    const campaignHoldout = { salt: "campaign-7", share: 0.2 };
    const table = [
      [0, 0],
      [0, 0],
    ];
    for (let i = 0; i < 50_000; i += 1) {
      const userId = `u${i}`;
      const everywhere = outcome({ ...plan, globalHoldout }, userId) === "held_out";
      expect(outcome({ ...plan, salt: "summer", globalHoldout }, userId) === "held_out").toBe(everywhere);
      const here = outcome({ ...plan, campaignHoldout }, userId) === "held_out";
      const row = table[Number(everywhere)] ?? [];
      row[Number(here)] = (row[Number(here)] ?? 0) + 1;
    }
    expect(independence(table)).toBeGreaterThan(suspicious);
  });

  it("says who holds out, with what probability an arm was given, and the stratum it was given in", () => {
    const both = { globalHoldout: { salt: "w", share: 1 }, campaignHoldout: { salt: "c", share: 1 } };
    expect(assign({ ...plan, ...both }, { userId: "ann" })).toEqual({ kind: "held_out", by: "workspace" });
    expect(assign({ ...plan, campaignHoldout: both.campaignHoldout }, { userId: "ann" })).toEqual({
      kind: "held_out",
      by: "campaign",
    });
    const only = {
      ...plan,
      arms: [
        { name: "a", weight: 1e-9 },
        { name: "b", weight: 3 },
      ],
      stratifyBy: ["tier", "land"],
    };
    expect(assign(only, { userId: "ann", attributes: { tier: "gold" } })).toEqual({
      kind: "assigned",
      arm: "b",
      propensity: 3 / (3 + 1e-9),
      stratum: '["gold",null]',
    });
  });
});
