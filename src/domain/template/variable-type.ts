import { type TemplateVariable, VariableType } from "../../../gen/intervention/v1/template_pb.js";

/** The type of an expression: what is known of its value when a template is compiled. */
export type Type =
  | { readonly kind: "string" | "number" | "boolean" | "money" | "time" | "html" | "url" | "encoded" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "list"; readonly element: Type }
  | { readonly kind: "object"; readonly fields: ReadonlyMap<string, Type> };

/** Money in a template. */
export type MoneyValue = { readonly currency: string; readonly minor: number };

const KINDS = {
  [VariableType.STRING]: "string",
  [VariableType.NUMBER]: "number",
  [VariableType.BOOLEAN]: "boolean",
  [VariableType.MONEY]: "money",
  [VariableType.TIME]: "time",
  [VariableType.HTML]: "html",
  [VariableType.URL]: "url",
} as const;

/** The type of a variable that was found right. */
function toType({ type, values, fields, element }: TemplateVariable): Type {
  if (type === VariableType.ENUM) return { kind: "enum", values };
  if (type === VariableType.LIST)
    return { kind: "list", element: element === undefined ? { kind: "string" } : toType(element) };
  if (type === VariableType.OBJECT || type === VariableType.UNSPECIFIED)
    return { kind: "object", fields: toFields(fields) };
  return { kind: KINDS[type] };
}

export const toFields = (variables: readonly TemplateVariable[]): ReadonlyMap<string, Type> =>
  new Map(variables.map((variable) => [variable.name, toType(variable)]));

/** Whether values of the type are text, whatever more is known of them. */
export const isText = ({ kind }: Type): boolean =>
  kind === "string" || kind === "url" || kind === "enum" || kind === "encoded" || kind === "html";

export function showType(type: Type): string {
  switch (type.kind) {
    case "enum":
      return `one of ${type.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "list":
      return `a list of ${type.element.kind}`;
    case "encoded":
      return "a string";
    case "object":
      return "an object";
    default:
      return type.kind === "html" ? "html" : `a ${type.kind}`;
  }
}
