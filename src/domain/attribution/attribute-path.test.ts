import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { allocate } from "./allocate.ts";
import { attributePath } from "./attribute-path.ts";
import { attributionLedger, type OrderEvent } from "./attribution-ledger.ts";
import type { PathModel } from "./path-model.ts";
import type { Touch } from "./touch.ts";

const hourMs = 3_600_000;
const windows = { clickMs: 168 * hourMs, viewMs: 24 * hourMs };
const models: PathModel[] = [
  { kind: "first" },
  { kind: "last" },
  { kind: "last_non_direct" },
  { kind: "linear" },
  { kind: "position_based" },
  { kind: "time_decay", halfLifeDays: 7 },
];
const click = (id: string, channel: string, hours: number): Touch => ({
  id,
  channel,
  kind: "click",
  at: hours * hourMs,
});

const model = fc.oneof(
  fc.constantFrom(...models),
  fc
    .double({ min: 1e-3, max: 100, noNaN: true })
    .map((halfLifeDays) => ({ kind: "time_decay", halfLifeDays }) as const),
);
const touch = fc.record({
  id: fc.uuid(),
  channel: fc.constantFrom("email", "sms", "push", "direct"),
  kind: fc.constantFrom("click" as const, "view" as const),
  at: fc.integer({ min: 0, max: 200 }).map((hours) => hours * hourMs),
});
const touches = fc.array(touch, { maxLength: 12 });
const value = fc.oneof(fc.integer({ min: -1_000, max: 1_000 }), fc.maxSafeInteger());
const sum = (values: Iterable<number>) => [...values].reduce((total, one) => total + BigInt(one), 0n);

describe("a conversion's credits", () => {
  it("and what no touch is eligible for sum to its value exactly", () => {
    fc.assert(
      fc.property(touches, value, model, (path, amount, rule) => {
        const result = attributePath(path, { value: amount, at: 200 * hourMs }, { model: rule, windows });
        expect(sum(result.credits.map(({ credit }) => credit)) + BigInt(result.unattributed)).toBe(BigInt(amount));
        expect(sum(result.byChannel.values()) + BigInt(result.unattributed)).toBe(BigInt(amount));
        // Nobody is credited against the sign of the value.
        expect(result.credits.every(({ credit }) => credit === 0 || Math.sign(credit) === Math.sign(amount))).toBe(
          true,
        );
      }),
    );
  });

  it("of a refund are those of the sale, with the other sign", () => {
    fc.assert(
      fc.property(touches, value, model, (path, amount, rule) => {
        const credits = (of: number) =>
          attributePath(path, { value: of, at: 200 * hourMs }, { model: rule, windows }).credits;
        expect(credits(-amount).map(({ credit }) => credit)).toEqual(
          credits(amount).map(({ credit }) => (credit === 0 ? 0 : -credit)),
        );
      }),
    );
  });

  it("do not depend on the order that touches of different times are told in", () => {
    fc.assert(
      fc.property(fc.uniqueArray(touch, { selector: ({ at }) => at, maxLength: 8 }), model, (path, rule) => {
        const conversion = { value: 997, at: 200 * hourMs };
        const told = attributePath(path, conversion, { model: rule, windows });
        expect(attributePath([...path].reverse(), conversion, { model: rule, windows })).toEqual(told);
      }),
    );
  });

  test.each<[string, PathModel, number[]]>([
    ["first", { kind: "first" }, [100, 0, 0, 0]],
    ["last", { kind: "last" }, [0, 0, 0, 100]],
    ["the last that is not direct", { kind: "last_non_direct" }, [0, 0, 100, 0]],
    ["linear", { kind: "linear" }, [25, 25, 25, 25]],
    ["by position", { kind: "position_based" }, [40, 10, 10, 40]],
    // Ages of 3, 2, 1 and 0 half-lives: 1, 2, 4 and 8 parts of 15.
    ["by decay of a day", { kind: "time_decay", halfLifeDays: 1 }, [7, 13, 27, 53]],
  ])("are, %s, %o: %j", (_name, rule, expected) => {
    const path = [click("a", "email", 0), click("b", "sms", 24), click("c", "push", 48), click("d", "direct", 72)];
    const result = attributePath(path, { value: 100, at: 72 * hourMs }, { model: rule, windows });
    expect(result.credits.map(({ credit }) => credit)).toEqual(expected);
  });

  it("have both edges of a window in, and nothing beyond", () => {
    const at = 1_000 * hourMs;
    const view = (id: string, age: number): Touch => ({ id, channel: "email", kind: "view", at: at - age });
    const path = [
      view("beyond", windows.viewMs + 1),
      view("oldest", windows.viewMs),
      view("same", 0),
      view("later", -1),
    ];
    const { credits } = attributePath(path, { value: 10, at }, { model: { kind: "linear" }, windows });
    expect(credits.map(({ touch: { id } }) => id)).toEqual(["oldest", "same"]);
  });

  it("are exact where decay leads to whole ratios, for a value that a double cannot share", () => {
    // Half-lives apart: 1/3 and 2/3 of a value that is divisible by 3.
    const value = 9_007_199_254_740_990;
    const path = [click("a", "email", 0), click("b", "sms", 24)];
    const rule = { kind: "time_decay", halfLifeDays: 1 } as const;
    const { credits } = attributePath(path, { value, at: 30 * hourMs }, { model: rule, windows });
    expect(credits.map(({ credit }) => credit)).toEqual([value / 3, (value / 3) * 2]);
  });

  it("by decay are within a unit of what real numbers say", () => {
    fc.assert(
      fc.property(touches, fc.double({ min: 0.1, max: 50, noNaN: true }), (path, halfLifeDays) => {
        const conversion = { value: 1_000_000, at: 200 * hourMs };
        const rule = { kind: "time_decay", halfLifeDays } as const;
        const { credits } = attributePath(path, conversion, { model: rule, windows });
        const weights = credits.map(({ touch }) => 2 ** ((touch.at - conversion.at) / (halfLifeDays * 24 * hourMs)));
        const total = weights.reduce((all, weight) => all + weight, 0);
        for (const [i, { credit }] of credits.entries()) {
          expect(Math.abs(credit - (1_000_000 * (weights[i] ?? 0)) / total)).toBeLessThan(1 + 1e-6);
        }
      }),
    );
  });
});

describe("largest remainders", () => {
  test.each([
    [100, [1, 1, 1], [34, 33, 33]],
    [-100, [1, 1, 1], [-34, -33, -33]],
    [5, [1, 2, 2], [1, 2, 2]],
    [1, [1, 2, 2], [0, 1, 0]],
    [2, [0, 1], [0, 2]],
  ])(
    "share %d by %j as %j: the units left go to the largest, of equal ones to the earlier",
    (amount, weights, shares) => {
      expect(allocate(amount, weights.map(BigInt))).toEqual(shares);
    },
  );
});

describe("a shopper's ledger", () => {
  const path = [click("a", "email", 0), click("b", "sms", 5), click("c", "push", 9)];
  const order = (orderId: string, amount: number): OrderEvent => ({
    kind: "conversion",
    orderId,
    value: amount,
    at: 10 * hourMs,
  });
  const refund = (orderId: string, amount: number): OrderEvent => ({
    kind: "refund",
    orderId,
    value: amount,
    at: 900 * hourMs,
  });
  const ledger = (events: OrderEvent[], rule: PathModel = { kind: "linear" }) =>
    attributionLedger(path, events, { model: rule, windows });

  it("is, for orders and refunds in any number, what their net values alone would make", () => {
    const orders = fc.array(fc.tuple(fc.nat(100_000), fc.array(fc.integer({ min: 1, max: 5_000 }))), { maxLength: 6 });
    fc.assert(
      fc.property(orders, model, (list, rule) => {
        const events: OrderEvent[] = [];
        const net: OrderEvent[] = [];
        for (const [i, [amount, refunds]] of list.entries()) {
          let left = amount;
          events.push(order(`o${i}`, amount));
          for (const one of refunds.filter((size) => size <= amount / refunds.length)) {
            left -= one;
            events.push(refund(`o${i}`, one));
          }
          net.push(order(`o${i}`, left));
        }
        const result = ledger(events, rule);
        expect(result).toEqual(ledger(net, rule));
        expect(sum(result.byChannel.values()) + BigInt(result.unattributed)).toBe(BigInt(result.netValue));
      }),
    );
  });

  it("takes all credit back with a full refund, and keeps the channels at 0", () => {
    const { byChannel, netByOrder } = ledger([order("o", 100), refund("o", 60), refund("o", 40)]);
    expect([...byChannel]).toEqual([
      ["email", 0],
      ["sms", 0],
      ["push", 0],
    ]);
    expect([...netByOrder]).toEqual([["o", 0]]);
  });

  it("counts an order that is told again once, as it was told first", () => {
    expect(ledger([order("o", 100), order("o", 999), order("o", 100)])).toEqual(ledger([order("o", 100)]));
  });

  it("refuses sums that a number cannot hold", () => {
    expect(() => ledger([order("a", Number.MAX_SAFE_INTEGER), order("b", 1)])).toThrowError(
      expect.objectContaining({ kind: "invalid_input" }),
    );
  });
});
