import { create, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ConditionSchema } from "../../../gen/intervention/v1/condition_pb.js";
import { ContextSchema, PredictionKind, PredictionSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import { InvalidInput } from "../errors.ts";
import { compileCondition, type Facts } from "./compile-condition.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const FACTS: Facts = {
  now: NOW,
  prediction: create(PredictionSchema, {
    kind: PredictionKind.ABANDONMENT_RISK,
    score: 0.7,
    features: { margin: 0.2, tags: ["loyal", "mobile"], since: "2026-01-01T00:00:00Z" },
  }),
  context: create(ContextSchema, {
    items: [
      { productId: "shoe", quantity: 2 },
      { productId: "hat", quantity: 1 },
    ],
    cartValue: { currency: "EUR", minor: 6_000n },
    lastEventTime: timestampFromDate(new Date(NOW.getTime() - 300_000)),
  }),
  profile: { attributes: { tier: "gold", age: 44 } },
};

const compare = (field: string, operator: string, value: JsonValue): JsonObject => ({
  comparison: { field, operator: `OPERATOR_${operator}`, value },
});
const exists = (field: string): JsonObject => ({ exists: field });
const not = (condition: JsonObject): JsonObject => ({ not: condition });
const all = (...conditions: JsonObject[]): JsonObject => ({ all: { conditions } });
const any = (...conditions: JsonObject[]): JsonObject => ({ any: { conditions } });
const some = (field: string, condition: JsonObject): JsonObject => ({ some: { field, condition } });
const recent = (field: string, within: string): JsonObject => ({ recent: { field, within } });

const ask = (json: JsonObject, facts = FACTS) => compileCondition(fromJson(ConditionSchema, json)).test(facts);

const TRUE = exists("context.items");
const FALSE = not(TRUE);
const UNKNOWN = compare("event.page", "EQUAL", "/");

const cases: readonly [string, JsonObject, boolean | undefined][] = [
  ["a score at its bound", compare("prediction.score", "GREATER_OR_EQUAL", 0.7), true],
  ["a score below its bound", compare("prediction.score", "GREATER", 0.7), false],
  ["a kind by its short name", compare("prediction.kind", "EQUAL", "abandonment_risk"), true],
  ["money in minor units", compare("context.cart_value.minor", "GREATER", 5_000), true],
  ["a currency", compare("context.cart_value.currency", "NOT_EQUAL", "USD"), true],
  ["a product in the cart", some("context.items", compare("product_id", "EQUAL", "hat")), true],
  [
    "two tests of the same item",
    some("context.items", all(compare("product_id", "EQUAL", "hat"), compare("quantity", "EQUAL", 2))),
    false,
  ],
  ["an attribute of the profile", compare("profile.attributes.tier", "EQUAL", "gold"), true],
  ["an attribute in a list", compare("profile.attributes.tier", "IN", ["silver", "gold"]), true],
  ["an attribute that is in no list", compare("profile.attributes.tier", "IN", ["silver"]), false],
  ["an attribute of another type", compare("profile.attributes.tier", "EQUAL", 7), undefined],
  ["an attribute that is absent", compare("profile.attributes.size", "EQUAL", "XL"), undefined],
  ["the opposite of one that is absent", not(compare("profile.attributes.size", "EQUAL", "XL")), undefined],
  ["difference from one that is absent", compare("profile.attributes.size", "NOT_EQUAL", "XL"), undefined],
  ["whether it is absent", not(exists("profile.attributes.size")), true],
  ["what every object inherits", exists("profile.attributes.constructor"), false],
  ["a feature", compare("prediction.features.margin", "LESS", 0.3), true],
  ["a list of features", compare("prediction.features.tags", "CONTAINS", "mobile"), true],
  ["a time among the features", compare("prediction.features.since", "LESS", "2026-03-01T00:00:00+02:00"), true],
  ["a text as if it had an order", compare("profile.attributes.tier", "LESS", "silver"), undefined],
  ["a time not long ago", recent("context.last_event_time", "600s"), true],
  ["a time exactly so long ago", recent("context.last_event_time", "300s"), true],
  ["a time longer ago", recent("context.last_event_time", "299s"), false],
  ["a time that is absent", recent("context.last_order_time", "600s"), undefined],
  ["a time against another", compare("context.last_event_time", "LESS", "2026-06-01T12:00:00Z"), true],
  ["a text that was never given", exists("prediction.product_id"), false],
  ["a number that is zero", exists("context.order_count"), true],
  ["what is below something absent", compare("context.last_order.total.minor", "GREATER", 0), undefined],
  ["elements of an empty list", some("context.last_events", compare("page", "EQUAL", "/")), false],
  ["elements of a list that is absent", some("event.order.items", exists("product_id")), undefined],
  ["all: false beats unknown", all(UNKNOWN, FALSE), false],
  ["all: unknown beats true", all(TRUE, UNKNOWN), undefined],
  ["any: true beats unknown", any(UNKNOWN, TRUE), true],
  ["any: unknown beats false", any(FALSE, UNKNOWN), undefined],
];

describe("a condition asks for", () => {
  test.each(cases)("%s", (_, json, expected) => expect(ask(json)).toBe(expected));
});

const refused: readonly [string, JsonObject, string][] = [
  ["a field that nobody knows", compare("prediction.scor", "EQUAL", 1), "condition.comparison.field"],
  ["a root that nobody knows", exists("weather.rain"), "condition.exists"],
  ["a field of something that has none", exists("prediction.score.value"), "condition.exists"],
  ["a number compared with text", compare("prediction.score", "EQUAL", "high"), "condition.comparison.value"],
  ["an order of texts", compare("prediction.model", "LESS", "b"), "condition.comparison.operator"],
  ["a kind that does not exist", compare("prediction.kind", "EQUAL", "rain"), "condition.comparison.value"],
  ["no value", { comparison: { field: "prediction.score", operator: "OPERATOR_EQUAL" } }, "condition.comparison.value"],
  ["an object as a value", compare("prediction.score", "EQUAL", {}), "condition.comparison.value"],
  ["one value where a list is needed", compare("prediction.score", "IN", 1), "condition.comparison.value"],
  ["a list of several types", compare("profile.attributes.a", "IN", [1, "a"]), "condition.comparison.value"],
  ["no operator", compare("prediction.score", "UNSPECIFIED", 1), "condition.comparison.operator"],
  ["a message as if it were a value", compare("context.cart_value", "EQUAL", 1), "condition.comparison.field"],
  ["elements of what is no list", some("prediction.score", TRUE), "condition.some.field"],
  ["a recent number", recent("prediction.score", "60s"), "condition.recent.field"],
  ["a time without a length", { recent: { field: "context.last_event_time" } }, "condition.recent.within"],
  ["an empty list of conditions", all(), "condition.all.conditions"],
  ["nothing", {}, "condition"],
  ["nothing, deep down", all(TRUE, not({})), "condition.all.conditions[1].not"],
];

const violationsOf = (json: JsonObject) => {
  try {
    ask(json);
  } catch (error) {
    if (error instanceof InvalidInput) return error.violations.map(({ field }) => field);
    throw error;
  }
  return [];
};

describe("a condition is refused that has", () => {
  test.each(refused)("%s", (_, json, field) => expect(violationsOf(json)).toContain(field));

  it("several mistakes, and all are named", () => {
    const json = all(exists("a.b"), any(compare("prediction.score", "EQUAL", "x"), {}));
    expect(violationsOf(json)).toEqual([
      "condition.all.conditions[0].exists",
      "condition.all.conditions[1].any.conditions[0].comparison.value",
      "condition.all.conditions[1].any.conditions[1]",
    ]);
  });

  it("too great a depth, or too many tests", () => {
    const deep = (depth: number): JsonObject => (depth === 1 ? TRUE : not(deep(depth - 1)));
    expect(violationsOf(deep(16))).toEqual([]);
    expect(violationsOf(deep(17))).toHaveLength(1);
    const many = (count: number) => all(...Array.from({ length: count }, () => all(TRUE, TRUE, TRUE, TRUE)));
    expect(violationsOf(many(51))).toEqual([]);
    expect(violationsOf(many(52))).toEqual(["condition"]);
  });
});

const leaf = fc.oneof(
  fc.constantFrom(TRUE, FALSE, UNKNOWN),
  fc
    .tuple(
      fc.constantFrom(
        "profile.attributes.tier",
        "profile.attributes.age",
        "prediction.features.tags",
        "event.attributes.x",
      ),
      fc.constantFrom("EQUAL", "NOT_EQUAL", "LESS", "GREATER_OR_EQUAL", "CONTAINS"),
      fc.oneof(fc.string({ maxLength: 8 }), fc.integer(), fc.boolean()),
    )
    .map(([field, operator, value]) => compare(field, operator, value)),
);
const tree: fc.Arbitrary<JsonObject> = fc.letrec<{ node: JsonObject }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    leaf,
    fc.array(tie("node"), { minLength: 1, maxLength: 3 }).map((list) => all(...list)),
    fc.array(tie("node"), { minLength: 1, maxLength: 3 }).map((list) => any(...list)),
    tie("node").map(not),
  ),
})).node;
const facts = fc.record({
  now: fc.constant(NOW),
  profile: fc.option(fc.record({ attributes: fc.dictionary(fc.constantFrom("tier", "age"), fc.jsonValue()) }), {
    nil: undefined,
  }),
  prediction: fc.option(fc.constant(FACTS.prediction), { nil: undefined }),
  context: fc.option(fc.constant(FACTS.context), { nil: undefined }),
});

describe("whatever is asked of whatever is known", () => {
  it("twice not is the same", () => {
    fc.assert(
      fc.property(tree, facts, (one, known) => {
        expect(ask(not(not(one)), known)).toBe(ask(one, known));
      }),
    );
  });

  it("not all is any not, and not any is all not (De Morgan)", () => {
    fc.assert(
      fc.property(tree, tree, facts, (one, two, known) => {
        expect(ask(not(all(one, two)), known)).toBe(ask(any(not(one), not(two)), known));
        expect(ask(not(any(one, two)), known)).toBe(ask(all(not(one), not(two)), known));
      }),
    );
  });

  it("the order of the conditions does not matter", () => {
    fc.assert(
      fc.property(tree, tree, facts, (one, two, known) => {
        expect(ask(all(one, two), known)).toBe(ask(all(two, one), known));
        expect(ask(any(one, two), known)).toBe(ask(any(two, one), known));
      }),
    );
  });

  it("what is true or false of a part of the facts stays so when more is known (Kleene's monotony)", () => {
    const positive = tree.filter((one) => !JSON.stringify(one).includes("exists"));
    fc.assert(
      fc.property(positive, (one) => {
        const before = ask(one, { now: NOW });
        if (before !== undefined) expect(ask(one, FACTS)).toBe(before);
      }),
    );
  });
});
