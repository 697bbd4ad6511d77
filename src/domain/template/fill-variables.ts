import { type DescMessage, type JsonObject, type Message, toJson } from "@bufbuild/protobuf";
import { z } from "zod";
import { SentProductSchema } from "../../../gen/intervention/v1/catalog_pb.js";
import { ContextSchema, PredictionSchema, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import type { TemplateVariable } from "../../../gen/intervention/v1/template_pb.js";
import { compileCondition, type Facts } from "../condition/compile-condition.ts";
import type { TemplateLinks } from "./template-links.ts";
import type { TemplateProducts } from "./template-products.ts";

/** What variables come from. */
export type TemplateFacts = Facts & {
  readonly catalog?: TemplateProducts | undefined;
  readonly links?: TemplateLinks | undefined;
};

/** Looks up what is not given, where the template says that it comes from. What is known nowhere stays absent.
 *  @param options.codes drawn for the variables that have a pool, by the pool. */
export function fillVariables(
  variables: readonly TemplateVariable[],
  options: {
    readonly given: JsonObject;
    readonly facts: TemplateFacts;
    readonly codes?: ReadonlyMap<string, string>;
  },
): JsonObject {
  const { given, facts, codes } = options;
  let known: unknown;
  const find = ({ name, from, condition, codePool }: TemplateVariable): unknown => {
    if (Object.hasOwn(given, name)) return given[name];
    if (condition !== undefined) return compileCondition(condition).test(facts) === true;
    if (codePool !== "") return codes?.get(codePool);
    if (from === "") return undefined;
    known ??= toPlain(facts);
    const value = from.split(".").reduce(property, known);
    // In protos, nothing is an empty text.
    return value === "" ? undefined : value;
  };
  return Object.fromEntries(
    variables.flatMap((variable) => {
      const value = z.json().safeParse(find(variable));
      return value.success ? [[variable.name, value.data]] : [];
    }),
  );
}

/** The names of the pools that codes must be drawn from. */
export const toCodePools = (variables: readonly TemplateVariable[], given: Readonly<Record<string, unknown>>) =>
  new Set(
    variables.filter(({ name, codePool }) => codePool !== "" && !Object.hasOwn(given, name)).map((one) => one.codePool),
  );

function property(source: unknown, name: string): unknown {
  return typeof source === "object" && source !== null && Object.hasOwn(source, name)
    ? Reflect.get(source, name)
    : undefined;
}

/** The facts as JSON, with the names that the protos have. */
function toPlain({ prediction, event, context, profile, catalog, links }: TemplateFacts): unknown {
  return {
    links,
    catalog: catalog && {
      cart: catalog.cart.map((product) => toNamed(SentProductSchema, product)),
      recommended: catalog.recommended.map((product) => toNamed(SentProductSchema, product)),
    },
    prediction: toNamed(PredictionSchema, prediction),
    event: toNamed(ShopEventSchema, event),
    context: toNamed(ContextSchema, context),
    profile: profile && {
      user_id: profile.userId,
      time_zone: profile.timeZone,
      locale: profile.locale,
      attributes: profile.attributes,
    },
  };
}

const toNamed = <T extends Message>(schema: DescMessage, message: T | undefined) =>
  message && toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
