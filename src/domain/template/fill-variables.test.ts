import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Operator } from "../../../gen/intervention/v1/condition_pb.js";
import { ContextSchema, PredictionSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import { TemplateVariableSchema, VariableType } from "../../../gen/intervention/v1/template_pb.js";
import { checkVariables } from "./check-variables.ts";
import { fillVariables, toCodePools } from "./fill-variables.ts";

const now = new Date("2026-03-01T12:00:00Z");
const facts = {
  now,
  profile: { userId: "u", locale: "fr", attributes: { first_name: "Ada", empty: "" } },
  context: create(ContextSchema, {
    userId: "u",
    items: [{ productId: "p1", quantity: 2, unitPrice: { currency: "EUR", minor: 1_250n } }],
  }),
  prediction: create(PredictionSchema, { score: 0.9, userId: "u" }),
};
const variable = (name: string, more: object) =>
  create(TemplateVariableSchema, { name, type: VariableType.STRING, ...more });

describe("the variables of a template", () => {
  it("are what is given, before what is known", () => {
    const variables = [variable("name", { from: "profile.attributes.first_name" })];
    expect(fillVariables(variables, { given: { name: "Grace" }, facts })).toEqual({ name: "Grace" });
    expect(fillVariables(variables, { given: {}, facts })).toEqual({ name: "Ada" });
  });

  it("are missing where nothing is known, also when that is an empty text", () => {
    const variables = [
      variable("a", { from: "profile.attributes.nothing" }),
      variable("b", { from: "profile.attributes.empty" }),
      variable("c", {}),
    ];
    expect(fillVariables(variables, { given: {}, facts: { now } })).toEqual({});
    expect(fillVariables(variables, { given: {}, facts })).toEqual({});
  });

  it("have the cart as its proto is in JSON", () => {
    const variables = [variable("items", { type: VariableType.LIST, from: "context.items" })];
    expect(fillVariables(variables, { given: {}, facts })).toMatchObject({
      items: [{ product_id: "p1", quantity: 2, unit_price: { currency: "EUR", minor: "1250" } }],
    });
  });

  it("say whether their condition is true, and false where that is not known", () => {
    const condition = {
      test: {
        case: "comparison" as const,
        value: {
          field: "prediction.score",
          operator: Operator.GREATER,
          value: { kind: { case: "numberValue", value: 0.5 } },
        },
      },
    };
    const variables = [variable("hot", { type: VariableType.BOOLEAN, condition })];
    expect(fillVariables(variables, { given: {}, facts })).toEqual({ hot: true });
    expect(fillVariables(variables, { given: {}, facts: { now } })).toEqual({ hot: false });
  });

  it("have the link to the user's preferences, and no other of the engine's", () => {
    const variables = [variable("choose", { type: VariableType.URL, from: "links.preferences" })];
    const links = { preferences: "https://edge.shop.example/preferences?t=x" };
    expect(fillVariables(variables, { given: {}, facts: { ...facts, links } })).toEqual({ choose: links.preferences });
    expect(fillVariables(variables, { given: {}, facts })).toEqual({});
    expect(checkVariables(variables, "v")).toEqual([]);
    expect(checkVariables([variable("choose", { from: "links.other" })], "v")).toMatchObject([{ field: "v[0].from" }]);
  });

  it("have the code that was drawn from their pool, and need none when one is given", () => {
    const variables = [variable("code", { codePool: "spring" })];
    expect(toCodePools(variables, {})).toEqual(new Set(["spring"]));
    expect(toCodePools(variables, { code: "X" })).toEqual(new Set());
    expect(fillVariables(variables, { given: {}, facts, codes: new Map([["spring", "S1"]]) })).toEqual({ code: "S1" });
  });
});
