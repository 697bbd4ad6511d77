import { quote } from "./template-problem.ts";
import { isText, showType, type Type } from "./variable-type.ts";

/** What a filter's parameter is when a template is compiled. */
export type Parameter = { readonly type: Type; readonly literal?: string | number | boolean | undefined };

/** Says what comes out of a filter, or what would have to go in. */
type Check = (input: Type, parameters: readonly Parameter[]) => Type | string;

const STRING: Type = { kind: "string" };
const NUMBER: Type = { kind: "number" };
const STYLES = ["short", "medium", "long", "full"];
const MAX_FORMS = 6;

const takes =
  (
    kind: "text" | "number" | "money" | "time" | "list",
    output: Type,
    check?: (parameters: readonly Parameter[]) => string | undefined,
  ): Check =>
  (input, parameters) => {
    const fits = kind === "text" ? isText(input) : input.kind === kind;
    if (!fits) return `${kind === "text" ? "text" : `a ${kind}`} before it, not ${showType(input)}`;
    const problem = check === undefined ? none(parameters) : check(parameters);
    return problem ?? output;
  };

const none = (parameters: readonly Parameter[]) => (parameters.length === 0 ? undefined : "no parameters");

const oneOf = (names: readonly string[]) => (parameters: readonly Parameter[]) => {
  const [first] = parameters;
  if (parameters.length > 1) return "one parameter at most";
  if (first === undefined || names.some((name) => name === first.literal)) return undefined;
  return `one of ${names.map(quote).join(", ")} as its parameter`;
};

const wholeNumber = (min: number, max: number, isOptional: boolean) => (parameters: readonly Parameter[]) => {
  const [first] = parameters;
  if (parameters.length > 1) return "one parameter at most";
  if (first === undefined) return isOptional ? undefined : `a number of ${min} to ${max} as its parameter`;
  const { literal } = first;
  const isRight = typeof literal === "number" && Number.isInteger(literal) && literal >= min && literal <= max;
  return isRight ? undefined : `a whole number of ${min} to ${max} as its parameter`;
};

/** Every filter, by its name: what goes in, what comes out. What each does is in `Rendering`, under the same name. */
export const FILTERS: Readonly<Record<string, Check>> = {
  money: takes("money", STRING),
  number: takes("number", STRING, wholeNumber(0, 10, true)),
  percent: takes("number", STRING, wholeNumber(0, 10, true)),
  date: takes("time", STRING, oneOf(STYLES)),
  time: takes("time", STRING, oneOf(STYLES)),
  upper: takes("text", STRING),
  lower: takes("text", STRING),
  capitalize: takes("text", STRING),
  trim: takes("text", STRING),
  truncate: takes("text", STRING, wholeNumber(1, 10_000, false)),
  url: takes("text", { kind: "encoded" }),
  count: takes("list", NUMBER),
  default(input, [first, ...more]) {
    if (first === undefined || more.length > 0) return 'one parameter, as in default("friend")';
    return joinTypes(input, first.type) ?? `a value like the one before it, ${showType(input)}, as its parameter`;
  },
  plural: takes("number", STRING, (parameters) =>
    parameters.length >= 2 && parameters.length <= MAX_FORMS && parameters.every(({ type }) => isText(type))
      ? undefined
      : 'two to six forms, as in plural("item", "items")',
  ),
  join(input, parameters) {
    if (input.kind !== "list" || !isText(input.element)) return `a list of texts before it, not ${showType(input)}`;
    const isRight = parameters.length === 0 || (parameters.length === 1 && parameters[0]?.type.kind === "string");
    return isRight ? STRING : 'one text as its parameter, as in join(", ")';
  },
  first: (input, parameters) => elementOf(input, parameters),
  last: (input, parameters) => elementOf(input, parameters),
  times(input, [first, ...more]) {
    if (input.kind !== "money" && input.kind !== "number") return `money or a number before it, not ${showType(input)}`;
    return first?.type.kind === "number" && more.length === 0 ? input : "one number as its parameter";
  },
  json: (_input, parameters) => none(parameters) ?? STRING,
};

function elementOf(input: Type, parameters: readonly Parameter[]): Type | string {
  if (input.kind !== "list") return `a list before it, not ${showType(input)}`;
  return none(parameters) ?? input.element;
}

/** The type of what is either one or the other; undefined when nothing can be done with both. */
export function joinTypes(one: Type, other: Type): Type | undefined {
  if (isText(one) && isText(other)) {
    if (one.kind === "enum" && other.kind === "enum") return { kind: "enum", values: [...one.values, ...other.values] };
    return one.kind === other.kind ? one : STRING;
  }
  if (one.kind !== other.kind || one.kind === "list" || one.kind === "object") return undefined;
  return one;
}
