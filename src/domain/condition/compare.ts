import { Operator } from "../../../gen/intervention/v1/condition_pb.js";
import { anyOf, not, type Truth } from "./truth.ts";

/** What a field may be compared with. */
export type Scalar = number | string | boolean;

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

/** Milliseconds since 1970 of an RFC 3339 text; undefined when it is none. */
export function parseTime(value: string): number | undefined {
  const ms = RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

const equal = (actual: unknown, expected: Scalar): Truth =>
  typeof actual === typeof expected ? actual === expected : undefined;

/** Less than 0, 0, or more; undefined when the two have no order. */
function order(actual: unknown, expected: Scalar): number | undefined {
  if (typeof actual === "number" && typeof expected === "number") return actual - expected;
  if (typeof actual !== "string" || typeof expected !== "string") return undefined;
  const [left, right] = [parseTime(actual), parseTime(expected)];
  return left === undefined || right === undefined ? undefined : left - right;
}

const ordered = (actual: unknown, expected: Scalar, ask: (difference: number) => boolean): Truth => {
  const difference = order(actual, expected);
  return difference === undefined || Number.isNaN(difference) ? undefined : ask(difference);
};

const contains = (actual: unknown, expected: Scalar): Truth => {
  if (Array.isArray(actual)) return actual.some((element) => element === expected);
  return typeof actual === "string" && typeof expected === "string" ? actual.includes(expected) : undefined;
};

/** Compares a value with those given: one, but for IN. Unknown when the value is absent or of another type. */
export function compare(actual: unknown, operator: Operator, expected: readonly Scalar[]): Truth {
  const [first] = expected;
  if (actual === undefined || actual === null || first === undefined) return undefined;
  switch (operator) {
    case Operator.EQUAL:
      return equal(actual, first);
    case Operator.NOT_EQUAL:
      return not(equal(actual, first));
    case Operator.LESS:
      return ordered(actual, first, (difference) => difference < 0);
    case Operator.LESS_OR_EQUAL:
      return ordered(actual, first, (difference) => difference <= 0);
    case Operator.GREATER:
      return ordered(actual, first, (difference) => difference > 0);
    case Operator.GREATER_OR_EQUAL:
      return ordered(actual, first, (difference) => difference >= 0);
    case Operator.IN:
      return anyOf(expected, (one) => equal(actual, one));
    case Operator.CONTAINS:
      return contains(actual, first);
    default:
      return undefined;
  }
}
