import { toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { type TemplateVariable, VariableType } from "../../../gen/intervention/v1/template_pb.js";
import { parseTime } from "../condition/compare.ts";
import { findHtmlProblem } from "./html-state.ts";
import { quote } from "./template-problem.ts";

/** Where nothing is said. */
const LENGTH = {
  [VariableType.STRING]: 1_000,
  [VariableType.HTML]: 20_000,
  [VariableType.URL]: 2_048,
  [VariableType.LIST]: 100,
} as const;

/** What makes of a variable's JSON what templates read: only what is declared, copied, a time as milliseconds since 1970. */
export function toValueSchema(variable: TemplateVariable): z.ZodType {
  const { type, lengthMax, values, fields, element } = variable;
  const max = (kind: keyof typeof LENGTH) => lengthMax || LENGTH[kind];
  switch (type) {
    case VariableType.STRING:
      return stringUpTo(max(type));
    case VariableType.NUMBER:
      return z.number({ error: "it is not a number" }).or(z.string().regex(INTEGER).transform(Number));
    case VariableType.BOOLEAN:
      return z.boolean({ error: "it is not true or false" });
    case VariableType.MONEY:
      return MONEY;
    case VariableType.TIME:
      return TIME;
    case VariableType.URL:
      return stringUpTo(max(type)).refine(isHttpUrl, { error: "it is not an absolute http or https URL" });
    case VariableType.HTML:
      return stringUpTo(max(type)).superRefine((html, context) => {
        const problem = findHtmlProblem(html);
        if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
      });
    case VariableType.ENUM:
      return z.string({ error: "it is not a text" }).refine((value) => values.includes(value), {
        error: ({ input }) => `${quote(String(input))} is not one of ${values.map(quote).join(", ")}`,
      });
    case VariableType.LIST: {
      const elements = max(type);
      return z.preprocess(
        (list) => (Array.isArray(list) ? list.slice(0, elements) : list),
        z.array(element === undefined ? z.never() : toValueSchema(element), { error: "it is not a list" }),
      );
    }
    default:
      return toObjectSchema(fields);
  }
}

/** The same of several, by their names. Names that are not declared are left out. */
export function toObjectSchema(variables: readonly TemplateVariable[]): z.ZodObject {
  return z.object(Object.fromEntries(variables.map((variable) => [variable.name, toFieldSchema(variable)])), {
    error: "it is not an object",
  });
}

/** null and "" are as good as nothing, except where an empty text is what a required one holds. */
function toFieldSchema(variable: TemplateVariable): z.ZodType {
  const schema = toValueSchema(variable);
  const { defaultValue, optional, type } = variable;
  if (defaultValue === undefined && !optional)
    return z.preprocess((value) => value ?? undefined, requiredBefore(schema));
  const fallback: unknown = defaultValue === undefined ? undefined : schema.parse(toJson(ValueSchema, defaultValue));
  const isNothing = (value: unknown) =>
    value === undefined || value === null || (value === "" && type !== VariableType.BOOLEAN);
  return z.preprocess(
    (value) => (isNothing(value) ? undefined : value),
    schema.optional().transform((value: unknown) => value ?? fallback),
  );
}

/** zod's own word for what is missing would be about its type. */
const requiredBefore = (schema: z.ZodType) =>
  z.unknown().transform((value, context) => {
    const parsed = value === undefined ? undefined : schema.safeParse(value);
    if (parsed?.success === true) return parsed.data;
    if (parsed === undefined) context.addIssue({ code: "custom", message: "it is missing, and the template needs it" });
    for (const { path, message } of parsed?.error.issues ?? [])
      context.addIssue({ code: "custom", path: [...path], message });
    return z.NEVER;
  });

const INTEGER = /^-?\d{1,15}$/;
/** A length is asked for of a text only: the `length` of an object may be anything, and comparing it may throw. */
const stringUpTo = (max: number) =>
  z.string({ error: "it is not a text" }).pipe(
    z
      .string()
      .max(max, { error: `it is longer than ${max} characters` })
      .refine((value) => value.isWellFormed(), { error: "it is not well-formed Unicode" }),
  );

const MONEY = z.object(
  {
    currency: z.string().regex(/^[A-Z]{3}$/, { error: "it is not an ISO 4217 code such as EUR" }),
    minor: z
      .union([z.number(), z.string().regex(INTEGER).transform(Number)])
      .refine(Number.isSafeInteger, { error: "it is not a whole number of minor units" }),
  },
  { error: 'it is no money such as {"currency": "EUR", "minor": 1999}' },
);

/** Beyond these a Date is none. */
const TIME = z
  .string({ error: "it is not a time such as 2026-11-25T09:00:00Z" })
  .transform((value) => parseTime(value))
  .refine((ms) => ms !== undefined, { error: "it is not a time such as 2026-11-25T09:00:00Z" });

export function isHttpUrl(value: string): boolean {
  if (!/^https?:\/\/[^\s]+$/i.test(value) || !URL.canParse(value)) return false;
  return true;
}
