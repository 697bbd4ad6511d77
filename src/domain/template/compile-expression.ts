import { parseTime } from "../condition/compare.ts";
import type { Expression, Literal } from "./expression.ts";
import { FILTERS, joinTypes } from "./filters.ts";
import { type Place, type Problems, quote } from "./template-problem.ts";
import { isText, showType, type Type } from "./variable-type.ts";

/** JavaScript that reads a value, and what is known of it. The JavaScript has nothing in it that an author wrote but names of
 *  variables, which are letters, digits and underscores: constants are in a table. */
export type Compiled = { readonly type: Type; readonly code: string; readonly literal?: Literal | undefined };

/** What names stand for. */
export type Scope = {
  /** Fields of `it`. */
  readonly variables: ReadonlyMap<string, Compiled>;
  /** Loops' elements; `loop` is one of them. */
  readonly locals: ReadonlyMap<string, Compiled>;
};

/** Constants that the code refers to by their place. */
export class Constants {
  readonly values: unknown[] = [];
  readonly #texts = new Map<string, string>();

  add(value: unknown): string {
    this.values.push(value);
    return `c[${this.values.length - 1}]`;
  }

  text(value: string): string {
    const known = this.#texts.get(value) ?? this.add(value);
    this.#texts.set(value, known);
    return known;
  }
}

type Parts = { readonly scope: Scope; readonly constants: Constants; readonly problems: Problems };

const MONEY_FIELDS: ReadonlyMap<string, Type> = new Map([
  ["minor", { kind: "number" }],
  ["currency", { kind: "string" }],
]);
const LIST_FIELDS: ReadonlyMap<string, Type> = new Map([["length", { kind: "number" }]]);
/** After a mistake that was told already: whatever is done with it is right. */
const UNKNOWN: Compiled = { type: { kind: "string" }, code: "undefined" };

export function compileExpression(expression: Expression, parts: Parts): Compiled {
  const { constants } = parts;
  switch (expression.kind) {
    case "literal":
      return compileLiteral(expression.value, constants);
    case "path":
      return compilePath(expression, parts);
    case "not":
      return { type: { kind: "boolean" }, code: `!${toTruth(compileExpression(expression.operand, parts))}` };
    case "and":
    case "or": {
      const [left, right] = [expression.left, expression.right].map((one) => toTruth(compileExpression(one, parts)));
      return { type: { kind: "boolean" }, code: `(${left}${expression.kind === "and" ? "&&" : "||"}${right})` };
    }
    case "else": {
      const [left, right] = [compileExpression(expression.left, parts), compileExpression(expression.right, parts)];
      const type = joinTypes(left.type, right.type);
      if (type !== undefined) return { type, code: `$.default(${left.code},${right.code})` };
      parts.problems.add(
        expression.right.place,
        showType(right.type),
        `a value like the one before ??, ${showType(left.type)}`,
      );
      return UNKNOWN;
    }
    case "compare":
      return compileComparison(expression, parts);
    default:
      return compileFilter(expression, parts);
  }
}

function compileLiteral(value: Literal, constants: Constants): Compiled {
  if (typeof value === "string") return { type: { kind: "string" }, code: constants.text(value), literal: value };
  if (typeof value === "boolean") return { type: { kind: "boolean" }, code: String(value), literal: value };
  return { type: { kind: "number" }, code: constants.add(value), literal: value };
}

function compilePath(
  { root, names, place }: Extract<Expression, { kind: "path" }>,
  { scope, problems }: Parts,
): Compiled {
  const [first = "", ...rest] = root === "it" ? names : [root, ...names];
  const known = root === "it" ? scope.variables : scope.locals;
  const start = known.get(first);
  if (start === undefined) {
    const those = [...known.keys()].map((name) => (root === "it" ? `it.${name}` : name)).join(", ");
    const expected =
      root === "it" ? `a variable of the template: ${those || "it has none"}` : `it.${root}, or a loop's variable`;
    problems.add(place, quote([root, ...names].join(".")), expected);
    return UNKNOWN;
  }
  let here = start;
  for (const name of rest) {
    const type: Type | undefined = fieldsOf(here.type)?.get(name);
    if (type === undefined) {
      const fields = [...(fieldsOf(here.type)?.keys() ?? [])].join(", ");
      problems.add(
        place,
        `"${name}" of ${showType(here.type)}`,
        fields === "" ? "no field: it has none" : `one of ${fields}`,
      );
      return UNKNOWN;
    }
    here = { type, code: `${here.code}?.${name}` };
  }
  return here;
}

function fieldsOf(type: Type): ReadonlyMap<string, Type> | undefined {
  if (type.kind === "object") return type.fields;
  if (type.kind === "list") return LIST_FIELDS;
  return type.kind === "money" ? MONEY_FIELDS : undefined;
}

/** Whether there is anything: a number that is not 0, a text or a list that is not empty, a boolean that is true. */
export function toTruth({ type, code }: Compiled): string {
  if (type.kind === "boolean" || type.kind === "number") return `!!(${code})`;
  return type.kind === "list" || isText(type) ? `$.has(${code})` : `(${code}!==undefined)`;
}

function compileComparison(expression: Extract<Expression, { kind: "compare" }>, parts: Parts): Compiled {
  const { operator } = expression;
  let left = compileExpression(expression.left, parts);
  let right = compileExpression(expression.right, parts);
  const refuse = (place: Place, found: string, expected: string): Compiled => {
    parts.problems.add(place, found, expected);
    return UNKNOWN;
  };
  if (left.type.kind === "time") right = toTime(right, parts.constants);
  if (right.type.kind === "time") left = toTime(left, parts.constants);
  const isOrder = operator !== "===" && operator !== "!==";
  const comparable = ["number", "time", ...(isOrder ? [] : ["boolean"])];
  const areTexts = isText(left.type) && isText(right.type);
  const isSame = left.type.kind === right.type.kind && comparable.includes(left.type.kind);
  if (!isSame && !(areTexts && !isOrder)) {
    const hint = left.type.kind === "money" || right.type.kind === "money" ? ", as in it.total.minor" : "";
    const what = isOrder ? "numbers or times" : "texts, numbers, times or booleans";
    return refuse(
      expression.place,
      `${showType(left.type)} ${operator} ${showType(right.type)}`,
      `two ${what} of one kind${hint}`,
    );
  }
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const)
    if (one.type.kind === "enum" && typeof other.literal === "string" && !one.type.values.includes(other.literal))
      return refuse(expression.place, quote(other.literal), showType(one.type));
  return { type: { kind: "boolean" }, code: `(${left.code}${operator}${right.code})` };
}

/** A time that is written out. */
function toTime(value: Compiled, constants: Constants): Compiled {
  const ms = typeof value.literal === "string" ? parseTime(value.literal) : undefined;
  return ms === undefined ? value : { type: { kind: "time" }, code: constants.add(ms) };
}

function compileFilter(expression: Extract<Expression, { kind: "filter" }>, parts: Parts): Compiled {
  const { name, place } = expression;
  const input = compileExpression(expression.operand, parts);
  const parameters = expression.parameters.map((one) => compileExpression(one, parts));
  const check = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (check === undefined) {
    parts.problems.add(place, quote(name), `one of the filters ${Object.keys(FILTERS).join(", ")}`);
    return UNKNOWN;
  }
  const output = check(input.type, parameters);
  if (typeof output === "string") {
    parts.problems.add(place, `the filter ${name}`, output);
    return UNKNOWN;
  }
  const more = name === "json" ? [parts.constants.add(input.type)] : parameters.map(({ code }) => code);
  return { type: output, code: `$.${name}(${[input.code, ...more].join(",")})` };
}
