import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  type Condition,
  type Condition_Comparison,
  type Condition_List,
  type Condition_Recent,
  type Condition_Some,
  Operator,
} from "../../../gen/intervention/v1/condition_pb.js";
import type { Context, Prediction, ShopEvent } from "../../../gen/intervention/v1/shopper_pb.js";
import { type FieldViolation, InvalidInput } from "../errors.ts";
import { compare, parseTime, type Scalar } from "./compare.ts";
import { type Field, findField, type ProfileFacts, ROOTS, type Root, type Scope } from "./field.ts";
import { toScalars } from "./scalars.ts";
import { allOf, anyOf, not, type Truth } from "./truth.ts";

/** What a condition is asked about; what is not known is absent. */
export type Facts = {
  readonly prediction?: Prediction | undefined;
  readonly event?: ShopEvent | undefined;
  readonly context?: Context | undefined;
  readonly profile?: ProfileFacts | undefined;
  readonly now: Date;
};

/** A condition that was found right, ready to be asked; asking never throws. */
export type CompiledCondition = {
  readonly test: (facts: Facts) => Truth;
  /** What it looks at: the rest need not be loaded. */
  readonly roots: ReadonlySet<Root>;
};

type Ask = (source: unknown, now: Date) => Truth;
type Compiler = { readonly violations: FieldViolation[]; readonly roots: Set<Root>; tests: number };

const DEPTH_MAX = 16;
const TESTS_MAX = 256;
const LIST_MAX = 64;
const WITHIN_MS = { min: 1_000, max: 366 * 86_400_000 };

/** Checks a condition against the fields there are and makes it ready to be asked.
 *  @param path of the condition in the request, for the errors.
 *  @throws InvalidInput naming everything that is wrong. */
export function compileCondition(condition: Condition, path = "condition"): CompiledCondition {
  const compiler: Compiler = { violations: [], roots: new Set(), tests: 0 };
  const ask = compile(condition, { compiler, path, depth: 1, scope: ROOTS });
  if (compiler.tests > TESTS_MAX)
    compiler.violations.push({
      field: path,
      description: `it has ${compiler.tests} tests; up to ${TESTS_MAX} are allowed`,
    });
  if (compiler.violations.length > 0) throw new InvalidInput(compiler.violations);
  return { roots: compiler.roots, test: (facts) => ask(facts, facts.now) };
}

type Place = { readonly compiler: Compiler; readonly path: string; readonly depth: number; readonly scope: Scope };

const UNKNOWN: Ask = () => undefined;

function refuse({ compiler }: Place, field: string, description: string): Ask {
  compiler.violations.push({ field, description });
  return UNKNOWN;
}

function compile({ test }: Condition, place: Place): Ask {
  const { compiler, path, depth } = place;
  compiler.tests += 1;
  if (depth > DEPTH_MAX) return refuse(place, path, `it is more than ${DEPTH_MAX} deep`);
  const below = (name: string): Place => ({ ...place, path: `${path}.${name}`, depth: depth + 1 });
  switch (test.case) {
    case "all": {
      const asks = compileList(test.value, below("all"));
      return (source, now) => allOf(asks, (ask) => ask(source, now));
    }
    case "any": {
      const asks = compileList(test.value, below("any"));
      return (source, now) => anyOf(asks, (ask) => ask(source, now));
    }
    case "not": {
      const ask = compile(test.value, below("not"));
      return (source, now) => not(ask(source, now));
    }
    case "comparison":
      return compileComparison(test.value, below("comparison"));
    case "exists": {
      const field = lookUp(test.value, place, `${path}.exists`);
      return (source) => {
        const value = field?.read(source);
        return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
      };
    }
    case "recent":
      return compileRecent(test.value, below("recent"));
    case "some":
      return compileSome(test.value, below("some"));
    default:
      return refuse(place, path, "it asks nothing; one of all, any, not, comparison, exists, recent, some is needed");
  }
}

function compileList({ conditions }: Condition_List, place: Place): readonly Ask[] {
  if (conditions.length === 0 || conditions.length > LIST_MAX)
    refuse(place, `${place.path}.conditions`, `there are ${conditions.length}; 1 to ${LIST_MAX} are allowed`);
  return conditions
    .slice(0, LIST_MAX)
    .map((condition, index) => compile(condition, { ...place, path: `${place.path}.conditions[${index}]` }));
}

function lookUp(name: string, place: Place, field: string): Field | undefined {
  const found = findField(name, place.scope);
  if (typeof found === "string") {
    refuse(place, field, found);
    return undefined;
  }
  const root = name.split(".")[0];
  if (place.scope === ROOTS && isRoot(root)) place.compiler.roots.add(root);
  return found;
}

const isRoot = (name: string | undefined): name is Root => name !== undefined && ROOTS.names.includes(name);

function compileComparison({ field: name, operator, value }: Condition_Comparison, place: Place): Ask {
  const field = lookUp(name, place, `${place.path}.field`);
  const isKnown = operator >= Operator.EQUAL && operator <= Operator.CONTAINS;
  if (!isKnown) refuse(place, `${place.path}.operator`, `${operator} is no operator`);
  const scalars = toScalars(value, operator);
  if (typeof scalars === "string") return refuse(place, `${place.path}.value`, scalars);
  if (field === undefined || !isKnown) return UNKNOWN;
  const problem = findMismatch(field, operator, scalars);
  if (problem !== undefined) return refuse(place, `${place.path}.${problem.part}`, problem.description);
  const expected = field.type.kind === "time" ? scalars.map((one) => parseTime(String(one)) ?? 0) : scalars;
  return (source) => compare(field.read(source), operator, expected);
}

const ORDERS = [Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL];

/** What can't be asked of a field of this type. */
function findMismatch(
  { type }: Field,
  operator: Operator,
  scalars: readonly Scalar[],
): { part: "operator" | "value" | "field"; description: string } | undefined {
  const name = Operator[operator];
  switch (type.kind) {
    case "json":
      return undefined;
    case "object":
      return { part: "field", description: "it has fields of its own: name one of them" };
    case "list":
      return { part: "field", description: "it is a list: ask for its elements with some" };
    default:
  }
  if (operator === Operator.CONTAINS && type.kind !== "text")
    return { part: "operator", description: `${name} asks for text, and the field is a ${type.kind}` };
  if (ORDERS.includes(operator) && type.kind !== "number" && type.kind !== "time")
    return { part: "operator", description: `${name} asks for a number or a time, and the field is a ${type.kind}` };
  const wrong = scalars.find((scalar) => !fits(type, scalar));
  if (wrong === undefined) return undefined;
  const allowed = type.kind === "enum" ? `one of ${type.names.join(", ")}` : `a ${type.kind}`;
  return { part: "value", description: `${JSON.stringify(wrong)} is not ${allowed}, which the field is` };
}

function fits(type: Field["type"], scalar: Scalar): boolean {
  switch (type.kind) {
    case "number":
    case "boolean":
      return typeof scalar === type.kind;
    case "text":
      return typeof scalar === "string";
    case "enum":
      return typeof scalar === "string" && type.names.includes(scalar);
    case "time":
      return typeof scalar === "string" && parseTime(scalar) !== undefined;
    default:
      return true;
  }
}

function compileRecent({ field: name, within }: Condition_Recent, place: Place): Ask {
  const field = lookUp(name, place, `${place.path}.field`);
  const withinMs = within === undefined ? 0 : durationMs(within);
  if (withinMs < WITHIN_MS.min || withinMs > WITHIN_MS.max)
    return refuse(place, `${place.path}.within`, `${withinMs / 1_000} s is not in 1 s to 366 days`);
  if (field === undefined) return UNKNOWN;
  if (field.type.kind !== "time" && field.type.kind !== "json")
    return refuse(place, `${place.path}.field`, `it is no time but a ${field.type.kind}`);
  return (source, now) => {
    const value = field.read(source);
    const ms = typeof value === "string" ? parseTime(value) : value;
    if (typeof ms !== "number" || (field.type.kind === "json" && typeof value !== "string")) return undefined;
    return ms <= now.getTime() && ms >= now.getTime() - withinMs;
  };
}

function compileSome({ field: name, condition }: Condition_Some, place: Place): Ask {
  const field = lookUp(name, place, `${place.path}.field`);
  if (condition === undefined) return refuse(place, `${place.path}.condition`, "it is missing");
  if (field === undefined) return UNKNOWN;
  if (field.type.kind !== "list" && field.type.kind !== "json")
    return refuse(place, `${place.path}.field`, `it is no list but a ${field.type.kind}`);
  const { scope } = field.type;
  const ask = compile(condition, { ...place, path: `${place.path}.condition`, scope });
  return (source, now) => {
    const value = field.read(source);
    return Array.isArray(value) ? anyOf<unknown>(value, (element) => ask(element, now)) : undefined;
  };
}
