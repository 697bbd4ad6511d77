import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChannelPath, channelsOf } from "./channel-path.ts";
import { heuristicAttribution } from "./heuristic-attribution.ts";
import { markovAttribution } from "./markov-attribution.ts";
import { chainStatesMax } from "./path-chain.ts";
import { shapleyAttribution } from "./shapley-attribution.ts";

const channel = fc.constantFrom("email", "sms", "push", "inbox", "realtime");
const paths = fc.array(
  fc.record({
    path: fc.array(channel, { minLength: 1, maxLength: 6 }),
    conversions: fc.nat(9),
    nulls: fc.nat(20),
  }),
  { minLength: 1, maxLength: 12 },
);
const total = (list: readonly ChannelPath[]) => list.reduce((sum, { conversions }) => sum + conversions, 0);
const sum = (values: ReadonlyMap<string, number>) => [...values.values()].reduce((a, b) => a + b, 0);

/** Channels in another order of first sight, and each path in two parts. */
const rearranged = (list: readonly ChannelPath[]): ChannelPath[] => [
  ...[...list].reverse().map(({ path, conversions }) => ({ path, conversions, nulls: 0 })),
  ...list.map(({ path, nulls }) => ({ path, conversions: 0, nulls })),
];

function expectClose(got: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>): void {
  expect(new Set(got.keys())).toEqual(new Set(expected.keys()));
  for (const [name, value] of expected) {
    expect(Math.abs((got.get(name) ?? Number.NaN) - value), name).toBeLessThanOrEqual(1e-9 * Math.max(1, value));
  }
}

describe("removal effects", () => {
  const order = fc.integer({ min: 1, max: 3 });

  it("lie in 0..1, and the conversions shared out by them sum to all conversions", () => {
    fc.assert(
      fc.property(paths, order, (list, memory) => {
        const result = markovAttribution(list, memory);
        for (const effect of result.removalEffects.values()) {
          expect(effect).toBeGreaterThanOrEqual(0);
          expect(effect).toBeLessThanOrEqual(1);
        }
        expect(sum(result.conversions)).toBeCloseTo(total(list), 9);
      }),
    );
  });

  it("are what counting says that removes the channel and solves the chain anew by walking it", () => {
    fc.assert(
      fc.property(paths, fc.integer({ min: 1, max: 2 }), (list, memory) => {
        const { removalEffects, baseConversionProbability } = markovAttribution(list, memory);
        const base = walked(list, memory, undefined);
        expect(baseConversionProbability).toBeCloseTo(base, 9);
        for (const name of channelsOf(list)) {
          const expected = base === 0 ? 0 : 1 - walked(list, memory, name) / base;
          expect(removalEffects.get(name), name).toBeCloseTo(expected, 8);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("do not depend on the order of paths, nor on whether alike ones are told together", () => {
    fc.assert(
      fc.property(paths, order, (list, memory) => {
        expectClose(
          markovAttribution(rearranged(list), memory).removalEffects,
          markovAttribution(list, memory).removalEffects,
        );
      }),
    );
  });

  it("have the base probability that was counted", () => {
    fc.assert(
      fc.property(paths, order, (list, memory) => {
        const ends = list.reduce((all, { conversions, nulls }) => all + conversions + nulls, 0);
        const counted = ends === 0 ? 0 : total(list) / ends;
        expect(markovAttribution(list, memory).baseConversionProbability).toBeCloseTo(counted, 10);
      }),
    );
  });

  it("keep their digits where a channel matters to one path in a hundred million", () => {
    const list = [
      { path: ["email"], conversions: 100_000_000, nulls: 0 },
      { path: ["sms"], conversions: 1, nulls: 2 },
    ];
    const effect = markovAttribution(list, 1).removalEffects.get("sms") ?? 0;
    expect(Math.abs(effect * 100_000_001 - 1)).toBeLessThan(1e-13);
  });

  it("are found for a path that circles a hundred thousand times", () => {
    const path = Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? "email" : "sms"));
    const { removalEffects, conversions } = markovAttribution([{ path, conversions: 3, nulls: 1 }], 2);
    expect(Object.fromEntries(removalEffects)).toEqual({ email: 1, sms: 1 });
    expect(sum(conversions)).toBeCloseTo(3, 12);
  });

  it("are refused for more states than can be solved, with what to do instead", () => {
    const list = Array.from({ length: chainStatesMax + 1 }, (_, i) => ({ path: [`c${i}`], conversions: 1, nulls: 0 }));
    expect(() => markovAttribution(list, 1)).toThrowError(/take a lower order, or group channels/);
  });
});

describe("Shapley values", () => {
  const characteristic = fc.constantFrom("conversions" as const, "rate" as const);

  it("sum to what all channels together are worth", () => {
    fc.assert(
      fc.property(paths, characteristic, (list, of) => {
        const { credits, total: worth } = shapleyAttribution(list, of);
        expect(sum(credits)).toBeCloseTo(worth, 10);
      }),
    );
  });

  it("do not depend on the order of paths, of touches in them, or of channels", () => {
    fc.assert(
      fc.property(paths, characteristic, (list, of) => {
        const turned = rearranged(list).map((one) => ({ ...one, path: [...one.path].reverse() }));
        expectClose(shapleyAttribution(turned, of).credits, shapleyAttribution(list, of).credits);
      }),
    );
  });

  it("follow a channel through a change of names", () => {
    const names: Record<string, string> = {
      email: "sms",
      sms: "push",
      push: "inbox",
      inbox: "realtime",
      realtime: "email",
    };
    const renamed = (name: string) => names[name] ?? name;
    fc.assert(
      fc.property(paths, characteristic, (list, of) => {
        const other = shapleyAttribution(
          list.map((one) => ({ ...one, path: one.path.map(renamed) })),
          of,
        );
        const expected = [...shapleyAttribution(list, of).credits].map(
          ([name, value]) => [renamed(name), value] as const,
        );
        expectClose(other.credits, new Map(expected));
      }),
    );
  });

  it("are the average over all orders in which channels come together", () => {
    fc.assert(
      fc.property(paths, characteristic, (list, of) => {
        expectClose(shapleyAttribution(list, of).credits, byOrders(list, of));
      }),
      { numRuns: 50 },
    );
  });

  it("of conversions serve more channels than can be tried in all sets", () => {
    const list = Array.from({ length: 200 }, (_, i) => ({ path: [`c${i}`, "email"], conversions: 2, nulls: 0 }));
    expect(shapleyAttribution(list, "conversions").credits.get("email")).toBe(200);
  });
});

describe("first, last and linear", () => {
  it("each share out all conversions, and keep every channel", () => {
    fc.assert(
      fc.property(paths, (list) => {
        for (const shares of Object.values(heuristicAttribution(list))) {
          expect(sum(shares)).toBeCloseTo(total(list), 9);
          expect([...shares.keys()]).toEqual(channelsOf(list));
        }
      }),
    );
  });
});

/** The conversion probability by the definition, a step at a time until nobody is left: with a channel's states leading nowhere. */
function walked(list: readonly ChannelPath[], memory: number, removed: string | undefined): number {
  const moves = new Map<string, Map<string, number>>();
  const count = (from: string, to: string, times: number) => {
    const row = moves.get(from) ?? new Map<string, number>();
    moves.set(from, row.set(to, (row.get(to) ?? 0) + times));
  };
  for (const { path, conversions, nulls } of list) {
    let at = "start";
    for (let end = Math.min(memory, path.length); end <= path.length; end++) {
      const next = path.slice(Math.max(0, end - memory), end).join(">");
      count(at, next, conversions + nulls);
      at = next;
    }
    count(at, "(conversion)", conversions);
    count(at, "(null)", nulls);
  }
  let here = new Map([["start", 1]]);
  let converted = 0;
  for (let step = 0; step < 3_000; step++) {
    const next = new Map<string, number>();
    for (const [state, mass] of here) {
      if (removed !== undefined && state.split(">").includes(removed)) continue;
      const row = moves.get(state) ?? new Map<string, number>();
      const all = [...row.values()].reduce((a, b) => a + b, 0);
      for (const [to, times] of row) {
        const part = all === 0 ? 0 : (mass * times) / all;
        if (to === "(conversion)") converted += part;
        else if (to !== "(null)") next.set(to, (next.get(to) ?? 0) + part);
      }
    }
    here = next;
  }
  return converted;
}

function byOrders(list: readonly ChannelPath[], of: "conversions" | "rate"): Map<string, number> {
  const worth = (set: ReadonlySet<string>) => {
    const within = list.filter(({ path }) => path.every((name) => set.has(name)));
    const ends = within.reduce((all, { conversions, nulls }) => all + conversions + nulls, 0);
    if (of === "conversions") return total(within);
    return ends === 0 ? 0 : total(within) / ends;
  };
  const orders = permutations(channelsOf(list));
  const credits = new Map<string, number>();
  for (const names of orders) {
    const set = new Set<string>();
    for (const name of names) {
      const before = worth(set);
      set.add(name);
      credits.set(name, (credits.get(name) ?? 0) + (worth(set) - before) / orders.length);
    }
  }
  return credits;
}

function permutations(names: readonly string[]): string[][] {
  if (names.length === 0) return [[]];
  return names.flatMap((first) => permutations(names.filter((name) => name !== first)).map((rest) => [first, ...rest]));
}
