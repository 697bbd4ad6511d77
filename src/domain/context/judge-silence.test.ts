import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ShopEvent, ShopEventKind, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import { applyEvents, emptyContext, findWatchDue, hasItems, judgeSilence } from "./index.ts";

const K = ShopEventKind;
const AFTER_MS = 60_000;
const AGE_MS_MAX = 3_600_000;
const bounds = { afterMs: AFTER_MS, ageMsMax: AGE_MS_MAX };

function event(kind: ShopEventKind, atMs: number, eventId = `${kind}@${atMs}`): ShopEvent {
  const quantity = kind === K.ITEM_REMOVED ? 0 : 1;
  const item = kind <= K.ITEM_REMOVED ? { item: { productId: "p", quantity } } : {};
  const order = kind === K.ORDER_PLACED ? { order: { orderId: eventId } } : {};
  return create(ShopEventSchema, {
    ...{ eventId, kind, userId: "ada", occurTime: timestampFromMs(atMs), ...item, ...order },
  });
}
const fold = (events: readonly ShopEvent[]) =>
  applyEvents(
    emptyContext,
    events.map((one) => ({ event: one, body: toBinary(ShopEventSchema, one) })),
  );

describe("a shopper's silence", () => {
  it.each([
    { name: "of whom nothing is known", events: [], nowMs: 9e6, is: { kind: "cart_empty" } },
    {
      name: "with a full cart, one millisecond too short",
      events: [event(K.ITEM_ADDED, 1_000)],
      nowMs: 60_999,
      is: { kind: "lasting", dueMs: 61_000 },
    },
    {
      name: "with a full cart, long enough",
      events: [event(K.ITEM_ADDED, 1_000)],
      nowMs: 61_000,
      is: { kind: "abandoned", sinceUs: 1e6, dueMs: 61_000 },
    },
    {
      name: "counted from the last page he looked at",
      events: [event(K.ITEM_ADDED, 1_000), event(K.PAGE_VIEWED, 30_000)],
      nowMs: 61_000,
      is: { kind: "lasting", dueMs: 90_000 },
    },
    {
      name: "after an order",
      events: [event(K.ITEM_ADDED, 1_000), event(K.ORDER_PLACED, 2_000)],
      nowMs: 100_000,
      is: { kind: "cart_empty" },
    },
    {
      name: "after the cart was emptied",
      events: [event(K.ITEM_ADDED, 1_000), event(K.ITEM_REMOVED, 2_000)],
      nowMs: 100_000,
      is: { kind: "cart_empty" },
    },
    {
      name: "of which the platform has spoken",
      events: [event(K.ITEM_ADDED, 1_000), event(K.CART_ABANDONED, 20_000)],
      nowMs: 61_000,
      is: { kind: "said" },
    },
    {
      name: "of which it was spoken, and a late page shows it began later",
      events: [event(K.ITEM_ADDED, 1_000), event(K.CART_ABANDONED, 61_000), event(K.PAGE_VIEWED, 60_000)],
      nowMs: 200_000,
      is: { kind: "said" },
    },
    {
      name: "that began anew after it was spoken of",
      events: [event(K.ITEM_ADDED, 1_000), event(K.CART_ABANDONED, 61_000), event(K.PAGE_VIEWED, 70_000)],
      nowMs: 130_000,
      is: { kind: "abandoned", sinceUs: 70e6, dueMs: 130_000 },
    },
    {
      name: "that nobody looked at for too long",
      events: [event(K.ITEM_ADDED, 1_000)],
      nowMs: 61_001 + AGE_MS_MAX,
      is: { kind: "too_old", dueMs: 61_000 },
    },
  ])("$name: $is.kind", ({ events, nowMs, is }) => {
    expect(judgeSilence(fold(events), { ...bounds, nowMs })).toEqual(is);
  });
});

describe("a watch", () => {
  it.each([
    { name: "falls due with the silence", at: 100_000, now: 100_010, open: undefined, due: 160_000 },
    {
      name: "is not needed beside one that falls due before",
      at: 100_000,
      now: 100_010,
      open: 150_000,
      due: undefined,
    },
    { name: "is needed beside one that falls due after", at: 100_000, now: 100_010, open: 160_001, due: 160_000 },
    {
      name: "is needed beside one that may be looked at already",
      at: 100_000,
      now: 149_001,
      open: 150_000,
      due: 160_000,
    },
    {
      name: "of a late activity falls due soon, and not at once",
      at: 100_000,
      now: 170_100,
      open: undefined,
      due: 171_500,
    },
    {
      name: "of a late activity is shared with others as late",
      at: 100_001,
      now: 170_200,
      open: 171_500,
      due: undefined,
    },
    { name: "is not needed of imported history", at: 0, now: 4_000_000, open: undefined, due: undefined },
  ])("$name", ({ at, now, open, due }) => {
    expect(findWatchDue(at, { ...bounds, nowMs: now, openDueMs: open })).toBe(due);
  });
});

/** A shopper's life, in steps: what he does then, and whether the process that remembers the watches is killed.
 *  @param lateMs how long what he does is on its way. */
const aLife = (lateMs: fc.Arbitrary<number>) =>
  fc
    .array(
      fc.record({
        waitMs: fc.oneof(fc.nat(5_000), fc.integer({ min: 20_000, max: 200_000 })),
        kind: fc.constantFrom(
          ...[K.ITEM_ADDED, K.ITEM_UPDATED, K.ITEM_REMOVED, K.PAGE_VIEWED, K.CHECKOUT_STARTED, K.ORDER_PLACED],
        ),
        lateMs,
        isKilled: fc.boolean(),
      }),
      { maxLength: 40 },
    )
    .map((steps) => {
      let atMs = 1_000_000;
      return steps.map((step, n): Done => {
        atMs += step.waitMs + 1;
        return { event: event(step.kind, atMs, `e${n}`), atMs, keptMs: atMs + step.lateMs, isKilled: step.isKilled };
      });
    });
const someLooks = fc.integer({ min: 1, max: 3 });

describe("with watches and judgements", () => {
  // A shopper who comes back just when his silence is due may be found there again: a second look comes after so long.
  const SECOND_LOOK_MS = 2_000;
  const saidOf = (done: readonly Done[], looks: number) => {
    const full = silencesOf(done).filter(({ isFull }) => isFull);
    const lastedFor = (ms: number) =>
      full.filter(({ fromMs, untilMs }) => untilMs > fromMs + ms).map(({ fromMs }) => fromMs + AFTER_MS);
    return { said: simulate(done, looks), must: lastedFor(AFTER_MS + SECOND_LOOK_MS), may: lastedFor(AFTER_MS) };
  };

  it("a cart that is left behind is spoken of exactly once a silence, and no other is", () => {
    fc.assert(
      fc.property(aLife(fc.constant(0)), someLooks, (done, looks) => {
        const { said, must, may } = saidOf(done, looks);
        expect(said).toEqual(may.filter((atMs) => must.includes(atMs) || said.includes(atMs)));
      }),
      { numRuns: 500 },
    );
  });

  it("a shopper who is back a millisecond after a silence that began twice is not spoken of", () => {
    const times = [1_020_001, 1_020_252, 1_080_253];
    const done = times.map((atMs, n) => ({
      ...{ event: event(K.ITEM_ADDED, atMs, `e${n}`), atMs, keptMs: atMs, isKilled: false },
    }));
    expect(saidOf(done, 1)).toEqual({ said: [1_140_253], must: [1_140_253], may: [1_080_252, 1_140_253] });
  });

  it("that holds for the last silence however late things are heard of, and never is one spoken of twice", () => {
    fc.assert(
      fc.property(aLife(fc.oneof(fc.constant(0), fc.nat(200_000))), someLooks, (done, looks) => {
        const said = simulate(done, looks);
        const silences = silencesOf(done).map((silence) => ({
          ...silence,
          times: said.filter((atMs) => atMs >= silence.fromMs && atMs < silence.untilMs).length,
        }));
        for (const { times } of silences) expect(times).toBeLessThanOrEqual(1);
        const last = silences.at(-1);
        if (last?.isFull === true) expect(last.times).toBe(1);
      }),
      { numRuns: 500 },
    );
  });
});

type Done = { readonly event: ShopEvent; readonly atMs: number; readonly keptMs: number; readonly isKilled: boolean };

/** @returns when a cart was said to be left behind, by intake and sweepers; each watch is looked at `looks` times. */
function simulate(done: readonly Done[], looks: number): number[] {
  const kept: ShopEvent[] = [];
  const watches = new Set<number>();
  const said = new Map<number, ShopEvent>();
  let openDueMs: number | undefined;
  const cover = (activityMs: number, nowMs: number, open: number | undefined) => {
    const dueMs = findWatchDue(activityMs, { ...bounds, nowMs, openDueMs: open });
    if (dueMs !== undefined) watches.add(dueMs);
    return dueMs;
  };
  const sweep = (untilMs: number) => {
    for (;;) {
      const dueMs = Math.min(...watches);
      if (dueMs > untilMs) return;
      // All sweepers look before any of what they say is kept.
      const nowMs = dueMs + 250;
      const silences = Array.from({ length: looks }, () => judgeSilence(fold(kept), { ...bounds, nowMs }));
      for (const silence of silences) {
        if (silence.kind === "lasting") cover(silence.dueMs - AFTER_MS, nowMs, undefined);
        if (silence.kind !== "abandoned") continue;
        const id = `abandoned/${silence.sinceUs}`;
        if (!said.has(silence.sinceUs)) kept.push(event(K.CART_ABANDONED, silence.dueMs, id));
        said.set(silence.sinceUs, event(K.CART_ABANDONED, silence.dueMs, id));
      }
      watches.delete(dueMs);
    }
  };
  for (const { event: one, atMs, keptMs, isKilled } of done.toSorted((a, b) => a.keptMs - b.keptMs)) {
    sweep(keptMs - 1);
    kept.push(one);
    if (isKilled) openDueMs = undefined;
    if (one.kind !== K.ORDER_PLACED) openDueMs = cover(atMs, keptMs, openDueMs) ?? openDueMs;
  }
  sweep(Number.MAX_SAFE_INTEGER);
  return [...said.keys()].map((sinceUs) => sinceUs / 1_000 + AFTER_MS);
}

/** From the events alone: the gaps between two activities, and what lies in the cart then. */
function silencesOf(done: readonly Done[]) {
  return done.map(({ atMs: fromMs }, n) => {
    const untilMs = done[n + 1]?.atMs ?? Number.POSITIVE_INFINITY;
    const isFull = hasItems(fold(done.slice(0, n + 1).map(({ event: one }) => one)));
    return { fromMs, untilMs, isFull };
  });
}
