import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { Operator } from "../../../../gen/intervention/v1/condition_pb.js";
import { ConsentStatus, ContactChannel, Purpose } from "../../../../gen/intervention/v1/profile_pb.js";
import { type SegmentRule, SegmentRuleSchema } from "../../../../gen/intervention/v1/segment_pb.js";
import { PredictionKind, ShopEventKind } from "../../../../gen/intervention/v1/shopper_pb.js";
import { type Activity, DAY_MS, type Fact, type ShopperFacts } from "../shopper-facts.ts";

/** The time that everything below is about. */
export const NOW_MS = Date.UTC(2026, 5, 15, 12);

const NAMES = ["a", "b", "a.c"] as const;
// Few values, so that they meet; some that a query could take for something else.
const TEXTS = ["gold", "go", "", "$ne", "a.*b", "{}", "ä🙂", new Date(NOW_MS - DAY_MS).toISOString()] as const;
const NUMBERS = [0, -0, 1, 1.5, 2, 1e21] as const;

const text = fc.constantFrom(...TEXTS);
const number = fc.constantFrom(...NUMBERS);
const time = fc.integer({ min: -3, max: 3 }).map((days) => NOW_MS + days * DAY_MS);
const scalar = fc.oneof(text, number, fc.boolean());

const toTextFact = (value: string): Omit<Fact, "path"> => {
  const ms = /^\d{4}-/.test(value) ? Date.parse(value) : undefined;
  return { text: value, ...(ms === undefined ? {} : { time: ms }) };
};
const fact: fc.Arbitrary<Omit<Fact, "path">> = fc.oneof(
  text.map(toTextFact),
  number.map((value) => ({ number: value })),
  fc.boolean().map((flag) => ({ flag })),
  fc.array(scalar, { minLength: 1, maxLength: 3 }).map((list) => ({ list })),
  fc.constant({}),
);

const CONSENT_PATHS = ["consent.email.marketing", "consent.sms.marketing"] as const;
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** How often a shopper did something on each of some days, as facts have it. */
const activityOf = (kind: string) =>
  fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 4 })), {
      selector: ([ago]) => ago,
    })
    .map((days): Activity[] => {
      const today = Math.floor(NOW_MS / DAY_MS);
      let since = 0;
      return days
        .sort(([a], [b]) => a - b)
        .map(([ago, times]) => {
          since += times;
          return { kind, day: today - ago, since };
        });
    });

/** Anything that can be known of a shopper. */
export const someFacts: fc.Arbitrary<ShopperFacts> = fc
  .record({
    attributes: fc.record(Object.fromEntries(NAMES.map((name) => [name, maybe(fact)]))),
    consents: fc.record(
      Object.fromEntries(CONSENT_PATHS.map((path) => [path, maybe(fc.constantFrom("granted", "denied"))])),
    ),
    lastOrder: maybe(time),
    orders: fc.nat(3),
    activity: fc.tuple(activityOf("page_viewed"), activityOf("order_placed")),
    churn: maybe(fc.record({ score: fc.constantFrom(0, 0.5, 1), until: time })),
    lists: fc.subarray(["vips", "staff"]),
  })
  .map(({ attributes, consents, lastOrder, orders, activity, churn, lists }) => ({
    facts: [
      ...Object.entries(attributes).flatMap(([name, value]) =>
        value === undefined ? [] : [{ path: `profile.attributes.${name}`, ...value }],
      ),
      ...Object.entries(consents).flatMap(([path, value]) => (value === undefined ? [] : [{ path, text: value }])),
      { path: "orders.count", number: orders },
      ...(lastOrder === undefined ? [] : [{ path: "orders.last_time", time: lastOrder }]),
    ],
    activity: activity.flat(),
    foresight: churn === undefined ? [] : [{ kind: "churn", ...churn }],
    lists,
  }));

const rule = (asked: SegmentRule["rule"]): SegmentRule => create(SegmentRuleSchema, { rule: asked });
const toValue = (value: string | number | boolean) => ({
  $typeName: "google.protobuf.Value" as const,
  kind:
    typeof value === "string"
      ? { case: "stringValue" as const, value }
      : typeof value === "number"
        ? { case: "numberValue" as const, value }
        : { case: "boolValue" as const, value },
});
const attributePath = fc.constantFrom(...NAMES, "none").map((name) => `profile.attributes.${name}`);
const comparison = (field: string, operator: Operator, value: ReturnType<typeof toValue> | string[]) =>
  rule({
    case: "comparison",
    value: {
      $typeName: "intervention.v1.Condition.Comparison",
      ...{ field, operator },
      value: Array.isArray(value)
        ? {
            $typeName: "google.protobuf.Value",
            kind: {
              case: "listValue",
              value: { $typeName: "google.protobuf.ListValue", values: value.map(toValue) },
            },
          }
        : value,
    },
  });

const ORDERS = [Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL] as const;
const anOrder = fc.constantFrom(...ORDERS);
const isoTime = time.map((ms) => new Date(ms).toISOString());

const leaf: fc.Arbitrary<SegmentRule> = fc.oneof(
  fc
    .tuple(attributePath, fc.constantFrom(Operator.EQUAL, Operator.NOT_EQUAL, Operator.CONTAINS), scalar)
    .map(([field, operator, value]) => comparison(field, operator, toValue(value))),
  fc
    .tuple(attributePath, fc.uniqueArray(text, { minLength: 1, maxLength: 3 }))
    .map(([field, values]) => comparison(field, Operator.IN, values)),
  fc
    .tuple(attributePath, anOrder, fc.oneof(number, isoTime))
    .map(([field, operator, value]) => comparison(field, operator, toValue(value))),
  fc.tuple(anOrder, fc.nat(3)).map(([operator, value]) => comparison("orders.count", operator, toValue(value))),
  fc
    .tuple(fc.constantFrom(...ORDERS, Operator.EQUAL, Operator.NOT_EQUAL), isoTime)
    .map(([operator, value]) => comparison("orders.last_time", operator, toValue(value))),
  fc.oneof(attributePath, fc.constant("orders.last_time")).map((field) => rule({ case: "exists", value: field })),
  fc
    .tuple(fc.oneof(attributePath, fc.constant("orders.last_time")), fc.integer({ min: 1, max: 4 }))
    .map(([field, days]) =>
      rule({
        case: "recent",
        value: { $typeName: "intervention.v1.Condition.Recent", field, within: durationFromMs(days * DAY_MS) },
      }),
    ),
  fc
    .record({
      kind: fc.constantFrom(ShopEventKind.PAGE_VIEWED, ShopEventKind.ORDER_PLACED, ShopEventKind.ITEM_ADDED),
      atLeast: fc.nat(8),
      withinDays: fc.constantFrom(0, 1, 2, 7, 30),
    })
    .map((did) => rule({ case: "did", value: { $typeName: "intervention.v1.SegmentRule.Did", ...did } })),
  fc
    .record({
      channel: fc.constantFrom(ContactChannel.EMAIL, ContactChannel.SMS),
      purpose: fc.constant(Purpose.UNSPECIFIED),
      status: fc.constantFrom(ConsentStatus.UNSPECIFIED, ConsentStatus.GRANTED, ConsentStatus.DENIED),
    })
    .map((value) =>
      rule({ case: "consented", value: { $typeName: "intervention.v1.SegmentRule.Consented", ...value } }),
    ),
  fc
    .record({
      kind: fc.constantFrom(PredictionKind.CHURN, PredictionKind.PURCHASE_INTENT),
      operator: fc.constantFrom(...ORDERS, Operator.EQUAL, Operator.NOT_EQUAL),
      score: fc.constantFrom(0, 0.5, 1),
    })
    .map((value) => rule({ case: "foreseen", value: { $typeName: "intervention.v1.SegmentRule.Foreseen", ...value } })),
  fc.constantFrom("vips", "staff", "golden").map((segmentId) => rule({ case: "inSegment", value: segmentId })),
);

/** Any rule that is right; it may name the lists `vips` and `staff` and the segment `golden`. */
export const someRule: fc.Arbitrary<SegmentRule> = fc.letrec<{ node: SegmentRule }>((tie) => {
  const list = fc
    .array(tie("node"), { minLength: 1, maxLength: 3 })
    .map((rules) => ({ $typeName: "intervention.v1.SegmentRule.List" as const, rules }));
  return {
    node: fc.oneof(
      { maxDepth: 3, depthIdentifier: "rule" },
      { weight: 3, arbitrary: leaf },
      { weight: 1, arbitrary: list.map((value) => rule({ case: "all", value })) },
      { weight: 1, arbitrary: list.map((value) => rule({ case: "any", value })) },
      { weight: 1, arbitrary: tie("node").map((value) => rule({ case: "not", value })) },
    ),
  };
}).node;

/** The segments that these rules name. */
export const findNamed = (segmentId: string) => {
  if (segmentId === "vips" || segmentId === "staff") return {};
  if (segmentId !== "golden") return undefined;
  return { rule: comparison("profile.attributes.a", Operator.EQUAL, toValue("gold")) };
};
