import { create, fromJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ConsentStatus, ContactChannel, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { SegmentRuleSchema } from "../../../gen/intervention/v1/segment_pb.js";
import {
  ContextSchema,
  PredictionKind,
  PredictionSchema,
  ShopEventKind,
  ShopEventSchema,
} from "../../../gen/intervention/v1/shopper_pb.js";
import { InvalidInput } from "../errors.ts";
import { compileRule, findChanges, suggestSegments, toFactIndex, toFactKeys, toShopperFacts } from "./index.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 5, 15, 12);
const NOTHING = { context: create(ContextSchema), events: [], predictions: [], lists: [] };

function order(eventId: string, atMs: number, minor: bigint, more: { orderId?: string; currency?: string } = {}) {
  const { orderId = eventId, currency = "EUR" } = more;
  return create(ShopEventSchema, {
    ...{ eventId, userId: "ada", kind: ShopEventKind.ORDER_PLACED, occurTime: timestampFromMs(atMs) },
    order: { orderId, total: { currency, minor } },
  });
}

describe("what segments know of a shopper", () => {
  it("is flat, the first of an order's tellings counts, and days have the count of all after them", () => {
    const facts = toShopperFacts({
      ...NOTHING,
      profile: {
        ...{ timeZone: "Europe/Paris", locale: "" },
        attributes: {
          ...{ since: "2026-01-01T00:00:00Z", tags: ["a", 1, null], none: null, empty: [] },
          ...{ home: { city: "Lyon", deep: { er: true } }, "home.city": "Paris" },
        },
        consents: [
          { channel: ContactChannel.EMAIL, purpose: Purpose.MARKETING, status: ConsentStatus.DENIED, at: NOW_MS },
        ],
      },
      events: [
        order("o2", NOW_MS, 500n),
        order("o1", NOW_MS - 3 * DAY_MS, 100n),
        order("o1 again", NOW_MS - DAY_MS, 900n, { orderId: "o1" }),
      ],
      predictions: [
        create(PredictionSchema, {
          ...{ kind: PredictionKind.CHURN, score: 0.4, predictTime: timestampFromMs(NOW_MS) },
        }),
      ],
    });
    const today = Math.floor(NOW_MS / DAY_MS);
    expect(facts.activity).toEqual([
      { kind: "order_placed", day: today, since: 1 },
      { kind: "order_placed", day: today - 1, since: 2 },
      { kind: "order_placed", day: today - 3, since: 3 },
    ]);
    expect(facts.foresight).toEqual([{ kind: "churn", score: 0.4, until: NOW_MS + 3_600_000 }]);
    const byPath = Object.fromEntries(facts.facts.map(({ path, ...fact }) => [path, fact]));
    expect(byPath).toEqual({
      "profile.time_zone": { text: "Europe/Paris" },
      "consent.email.marketing": { text: "denied" },
      "profile.attributes.since": { text: "2026-01-01T00:00:00Z", time: Date.UTC(2026, 0, 1) },
      "profile.attributes.tags": { list: ["a", 1] },
      "profile.attributes.home": {},
      // The object comes before the name with a dot in it.
      "profile.attributes.home.city": { text: "Lyon" },
      "profile.attributes.home.deep": {},
      "profile.attributes.home.deep.er": { flag: true },
      "context.item_count": { number: 0 },
      "orders.count": { number: 2 },
      "orders.first_time": { time: NOW_MS - 3 * DAY_MS },
      "orders.last_time": { time: NOW_MS },
      "orders.total.minor": { number: 600 },
      "orders.total.currency": { text: "EUR" },
      "activity.order_placed.first_time": { time: NOW_MS - 3 * DAY_MS },
      "activity.order_placed.last_time": { time: NOW_MS },
    });
  });

  it("has no total of orders in several currencies", () => {
    const events = [order("o1", NOW_MS, 1n), order("o2", NOW_MS, 1n, { currency: "USD" })];
    expect(toShopperFacts({ ...NOTHING, events }).facts.map(({ path }) => path)).not.toContain("orders.total.minor");
  });

  it("is found by its equalities", () => {
    const facts = [
      { path: "a", text: "x" },
      { path: "b", number: 1 },
      { path: "c", text: "x".repeat(300) },
      { path: "d", time: 1 },
    ];
    expect(toFactKeys({ facts, activity: [], foresight: [], lists: ["vips"] })).toEqual(['a="x"', "b=1", "in=vips"]);
  });
});

describe("a rule", () => {
  const rule = (json: object) => fromJson(SegmentRuleSchema, json as never);
  const isTier = (value: string) => ({
    comparison: { field: "profile.attributes.tier", operator: "OPERATOR_EQUAL", value },
  });

  it("refuses segments that name each other in a circle, or too deep, with the way that leads there", () => {
    const segments: Record<string, object> = { a: { inSegment: "b" }, b: { inSegment: "a" } };
    for (let n = 0; n < 10; n += 1) segments[`s${n}`] = { inSegment: `s${n + 1}` };
    const find = (id: string) => (segments[id] === undefined ? undefined : { rule: rule(segments[id]) });
    expect(() => compileRule(rule({ inSegment: "b" }), { find, of: "a" })).toThrow(
      new InvalidInput([{ field: "rule.in_segment.in_segment", description: 'segment "a" names itself: a > b > a' }]),
    );
    expect(() => compileRule(rule({ inSegment: "s0" }), { find })).toThrow("more than 8 deep");
  });

  it("counts the tests of the segments it names", () => {
    const wide = { any: { rules: Array.from({ length: 64 }, () => isTier("gold")) } };
    const find = () => ({ rule: rule(wide) });
    const five = { all: { rules: Array.from({ length: 5 }, () => ({ inSegment: "wide" })) } };
    expect(() => compileRule(rule(five), { find })).toThrow("it has 331 tests with those of the segments it names");
  });

  it.each([
    {
      name: "an equality alone is found by its key",
      of: isTier("gold"),
      key: 'profile.attributes.tier="gold"',
      enough: true,
    },
    {
      name: "with more, the key leaves the rest to be asked",
      of: { all: { rules: [{ did: { kind: "SHOP_EVENT_KIND_ORDER_PLACED" } }, isTier("gold")] } },
      key: 'profile.attributes.tier="gold"',
      enough: false,
    },
    {
      name: "one of several can't be",
      of: { any: { rules: [isTier("a"), isTier("b")] } },
      key: undefined,
      enough: undefined,
    },
    { name: "nor can its opposite", of: { not: isTier("gold") }, key: undefined, enough: undefined },
  ])("$name", ({ of, key, enough }) => {
    const node = compileRule(rule(of), { find: () => undefined });
    expect([node.key, node.isKeyEnough]).toEqual([key, enough]);
  });

  it("makes a change of each coming and going, and leaves alone what it does not look at", () => {
    const node = compileRule(rule(isTier("gold")), { find: () => undefined });
    const facts = (text: string) =>
      toFactIndex({ facts: [{ path: "profile.attributes.tier", text }], activity: [], foresight: [], lists: [] });
    const segments = [{ segmentId: "gold", rule: node }];
    const archived = { segmentId: "old", isIn: true, changes: 3 };
    const entered = findChanges([archived], segments, { facts: facts("gold"), nowMs: NOW_MS });
    expect(entered.changed).toEqual([{ segmentId: "gold", isIn: true, changes: 1 }]);
    const stayed = findChanges(entered.memberships, segments, { facts: facts("gold"), nowMs: NOW_MS });
    expect(stayed).toEqual({ memberships: entered.memberships, changed: [] });
    const left = findChanges(stayed.memberships, segments, { facts: facts("silver"), nowMs: NOW_MS });
    expect(left.changed).toEqual([{ segmentId: "gold", isIn: false, changes: 2 }]);
    expect(left.memberships).toContainEqual(archived);
  });
});

describe("suggested segments", () => {
  it("have the fifths of these customers as bounds, and the best of them among the champions", () => {
    const customers = Array.from({ length: 100 }, (_, n) => ({
      ...{ lastOrderMs: NOW_MS - (100 - n) * DAY_MS, orders: 1 + Math.floor(n / 10), totalMinor: n * 100 },
    }));
    const champions = suggestSegments(customers, NOW_MS).find(({ segmentId }) => segmentId === "rfm-champions");
    const node = compileRule(champions?.rule ?? create(SegmentRuleSchema), { find: () => undefined });
    const isIn = customers.map(({ lastOrderMs, orders, totalMinor }) => {
      const facts = [
        { path: "orders.last_time", time: lastOrderMs },
        { path: "orders.count", number: orders },
        { path: "orders.total.minor", number: totalMinor },
      ];
      return node.test(toFactIndex({ facts, activity: [], foresight: [], lists: [] }), NOW_MS);
    });
    expect(isIn.indexOf(true)).toBe(60);
    expect(isIn.slice(60).every((one) => one === true)).toBe(true);
  });

  it("are those of a customer's life alone where nobody has ordered yet", () => {
    expect(suggestSegments([], NOW_MS).every(({ segmentId }) => segmentId.startsWith("life-"))).toBe(true);
  });
});
