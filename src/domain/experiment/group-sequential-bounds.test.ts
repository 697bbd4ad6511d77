import { describe, expect, it, test } from "vitest";
import { InvalidInput } from "../errors.ts";
import { normalIsf, normalSf } from "../statistics/normal.ts";
import { groupSequentialBounds, type Spending } from "./group-sequential-bounds.ts";

/** Probability to cross at some look, by plain summation on an even grid: slow, and nothing in common with what is tested. */
function crossing(times: readonly number[], bounds: readonly number[], sides: 1 | 2): number {
  const step = 0.01;
  const places = Array.from({ length: Math.round(12 / step) + 1 }, (_, i) => -6 + i * step);
  let density: number[] | undefined;
  let crossed = 0;
  for (const [k, time] of times.entries()) {
    const deviation = Math.sqrt(time - (times[k - 1] ?? 0));
    const before = density;
    const bell = (x: number) => Math.exp(-0.5 * (x / deviation) ** 2) / (deviation * Math.sqrt(2 * Math.PI));
    const edge = (bounds[k] ?? 0) * Math.sqrt(time);
    const beyond = (y: number) =>
      normalSf((edge - y) / deviation) + (sides === 2 ? normalSf((edge + y) / deviation) : 0);
    if (before === undefined) {
      crossed += beyond(0);
      density = places.map(bell);
    } else {
      crossed += places.reduce((sum, y, i) => sum + (before[i] ?? 0) * beyond(y) * step, 0);
      density = places.map((x) => places.reduce((sum, y, i) => sum + (before[i] ?? 0) * bell(x - y) * step, 0));
    }
    // Half a cell belongs to each side of the edge; which is what limits this summation to some 1e-3 of the whole.
    density = density.map((mass, i) => {
      const x = places[i] ?? 0;
      const inside = Math.min(1, Math.max(0, (edge - x) / step + 0.5));
      const below = sides === 1 ? 1 : Math.min(1, Math.max(0, (edge + x) / step + 0.5));
      return mass * inside * below;
    });
  }
  return crossed;
}

const even = (looks: number) => Array.from({ length: looks }, (_, k) => (k + 1) / looks);

describe("group-sequential bounds", () => {
  test.each<{
    readonly times: readonly number[];
    readonly sides: 1 | 2;
    readonly spending: Spending;
    readonly alpha?: number;
  }>([
    { times: even(3), sides: 2, spending: "obrien_fleming" },
    { times: even(4), sides: 1, spending: "pocock" },
    { times: [0.1, 0.5, 0.9], sides: 2, spending: "power" },
    // Where it matters who has left on the other side.
    { times: even(3), sides: 2, spending: "pocock", alpha: 0.6 },
    { times: even(3), sides: 1, spending: "pocock", alpha: 0.6 },
  ])(
    "of $spending with sides $sides at $times are crossed with the probability spent",
    ({ times, sides, spending, alpha = 0.05 }) => {
      const { zBounds, cumulativeAlpha } = groupSequentialBounds({
        informationFractions: times,
        alpha,
        sides,
        spending,
        rho: 1.5,
      });
      const crossed = crossing(times, zBounds, sides);
      expect(Math.abs(crossed / (cumulativeAlpha.at(-1) ?? 0) - 1)).toBeLessThan(5e-4);
    },
  );

  it("of one look are those of a fixed test", () => {
    for (const spending of ["obrien_fleming", "pocock", "power"] as const) {
      const one = groupSequentialBounds({ informationFractions: [1], alpha: 0.05, sides: 2, spending, rho: 2 });
      expect(one.zBounds[0]).toBeCloseTo(normalIsf(0.025), 12);
      expect(one.cumulativeAlpha[0]).toBeCloseTo(0.05, 15);
    }
  });

  it("stay finite and fall smoothly for fifty looks, and for a first look at a thousandth", { timeout: 60_000 }, () => {
    const { zBounds } = groupSequentialBounds({
      informationFractions: even(50),
      alpha: 0.05,
      sides: 2,
      spending: "obrien_fleming",
    });
    for (const [k, z] of zBounds.entries()) if (k > 0) expect(z).toBeLessThan(zBounds[k - 1] ?? 0);
    expect(zBounds.at(-1)).toBeGreaterThan(normalIsf(0.025));
    const early = groupSequentialBounds({
      informationFractions: [0.001, 1],
      alpha: 0.05,
      sides: 2,
      spending: "obrien_fleming",
    });
    // What is spent there is e^-2,500, less than a double can say, but its bound isn't.
    expect(early.zBounds[0]).toBeCloseTo(70.8696, 3);
    expect(early.zBounds[1]).toBeCloseTo(normalIsf(0.025), 9);
  });

  test.each<readonly number[]>([[], [0, 1], [0.5, 0.5], [0.6, 0.5], [0.5, 1.01], [-0.1, 1]])(
    "are refused for looks at %j",
    (...times) => {
      expect(() =>
        groupSequentialBounds({ informationFractions: times, alpha: 0.05, sides: 2, spending: "pocock" }),
      ).toThrow(InvalidInput);
    },
  );

  it("of the power family are refused without a power", () => {
    expect(() =>
      groupSequentialBounds({ informationFractions: [1], alpha: 0.05, sides: 2, spending: "power" }),
    ).toThrow(/rho/);
  });
});
