import { type Condition_Comparison, Operator } from "../../../gen/intervention/v1/condition_pb.js";
import { parseTime, type Scalar } from "../condition/compare.ts";
import { not, type Truth } from "../condition/truth.ts";
import type { RuleFieldKind } from "./rule-field.ts";
import type { RuleNode, StoreFilter } from "./rule-node.ts";
import { type Fact, toFactKey } from "./shopper-facts.ts";

type Kind = "number" | "text" | "flag" | "time";
/** What is asked of one fact, for both sides: as a function, and as what a query's `$elemMatch` has. */
type Ask = {
  readonly test: (fact: Fact) => Truth;
  readonly whenTrue: StoreFilter;
  readonly whenFalse: StoreFilter;
};

/** A question about the fact of one path. Whoever has no such fact, or one of another type, is unknown: in neither query. */
function askFact(path: string, field: string, ask: Ask, key?: string): RuleNode {
  return {
    path,
    below: [],
    test: (facts) => {
      const fact = facts.byPath.get(field);
      return fact === undefined ? undefined : ask.test(fact);
    },
    whenTrue: () => ({ facts: { $elemMatch: { path: field, ...ask.whenTrue } } }),
    whenFalse: () => ({ facts: { $elemMatch: { path: field, ...ask.whenFalse } } }),
    reason: (facts) => describe(field, facts.byPath.get(field)),
    ...(key === undefined ? {} : { key, isKeyEnough: true }),
  };
}

/** A comparison that was found right.
 *  @param values as `toScalars` gives them: one, but for IN. */
export function askComparison(
  path: string,
  { field, operator }: Pick<Condition_Comparison, "field" | "operator">,
  values: readonly Scalar[],
  kind: RuleFieldKind,
): RuleNode {
  const [first] = values;
  if (operator === Operator.CONTAINS) return askFact(path, field, askContains(first ?? ""));
  const isOrder = operator !== Operator.EQUAL && operator !== Operator.NOT_EQUAL && operator !== Operator.IN;
  const by = kind === "time" || (isOrder && typeof first === "string") ? "time" : kindOf(first);
  const asked = by === "time" ? values.map((value) => parseTime(String(value)) ?? 0) : values;
  const ask = toAsk(by, operator, asked);
  const key =
    (operator === Operator.EQUAL || (operator === Operator.IN && values.length === 1)) && by !== "time"
      ? toFactKey(field, first ?? "")
      : undefined;
  return askFact(path, field, ask, key);
}

const kindOf = (value: Scalar | undefined): Kind =>
  typeof value === "number" ? "number" : typeof value === "boolean" ? "flag" : "text";

const TYPES = { number: "number", text: "string", flag: "bool", time: "number" } as const;

function toAsk(kind: Kind, operator: Operator, values: readonly Scalar[]): Ask {
  const [first = 0] = values;
  const read = (fact: Fact) => fact[kind];
  const ordered = (isTrue: (value: number) => boolean): Ask["test"] => {
    return (fact) => {
      const value = read(fact);
      return typeof value === "number" ? isTrue(value) : undefined;
    };
  };
  const bound = Number(first);
  const on = (filter: object): StoreFilter => ({ [kind]: filter });
  switch (operator) {
    case Operator.LESS:
      return { test: ordered((value) => value < bound), whenTrue: on({ $lt: bound }), whenFalse: on({ $gte: bound }) };
    case Operator.LESS_OR_EQUAL:
      return { test: ordered((value) => value <= bound), whenTrue: on({ $lte: bound }), whenFalse: on({ $gt: bound }) };
    case Operator.GREATER:
      return { test: ordered((value) => value > bound), whenTrue: on({ $gt: bound }), whenFalse: on({ $lte: bound }) };
    case Operator.GREATER_OR_EQUAL:
      return { test: ordered((value) => value >= bound), whenTrue: on({ $gte: bound }), whenFalse: on({ $lt: bound }) };
    default: {
      const among: Ask = {
        test: (fact) => {
          const value = read(fact);
          return value === undefined ? undefined : values.includes(value);
        },
        whenTrue: on({ $in: [...values] }),
        whenFalse: on({ $type: TYPES[kind], $nin: [...values] }),
      };
      return operator === Operator.NOT_EQUAL ? flip(among) : among;
    }
  }
}

const flip = ({ test, whenTrue, whenFalse }: Ask): Ask => ({
  test: (fact) => not(test(fact)),
  whenTrue: whenFalse,
  whenFalse: whenTrue,
});

/** Of a text whether it has the value in it, of a list whether it has it as an element. */
function askContains(value: Scalar): Ask {
  const pattern = typeof value === "string" ? value.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`) : undefined;
  const inList = { list: value };
  const notInList = { list: { $exists: true, $ne: value } };
  return {
    test: ({ text, list }) => {
      if (list !== undefined) return list.includes(value);
      return text === undefined || typeof value !== "string" ? undefined : text.includes(value);
    },
    whenTrue: pattern === undefined ? inList : { $or: [inList, { text: { $regex: pattern } }] },
    whenFalse:
      pattern === undefined
        ? notInList
        : { $or: [notInList, { text: { $type: "string", $not: { $regex: pattern } } }] },
  };
}

/** Whether the field is there: never unknown. */
export function askExists(path: string, field: string): RuleNode {
  const isThere = { facts: { $elemMatch: { path: field } } };
  return {
    path,
    below: [],
    test: (facts) => facts.byPath.has(field),
    whenTrue: () => isThere,
    whenFalse: () => ({ $nor: [isThere] }),
    reason: (facts) => describe(field, facts.byPath.get(field)),
  };
}

/** Whether a time is at most so long ago; what is yet to come is not. */
export function askRecent(path: string, field: string, withinMs: number): RuleNode {
  const at = (facts: { readonly byPath: ReadonlyMap<string, Fact> }) => facts.byPath.get(field)?.time;
  const match = (time: object) => ({ facts: { $elemMatch: { path: field, ...time } } });
  return {
    path,
    below: [],
    test: (facts, nowMs) => {
      const ms = at(facts);
      return ms === undefined ? undefined : ms <= nowMs && ms >= nowMs - withinMs;
    },
    whenTrue: (nowMs) => match({ time: { $gte: nowMs - withinMs, $lte: nowMs } }),
    whenFalse: (nowMs) => match({ $or: [{ time: { $lt: nowMs - withinMs } }, { time: { $gt: nowMs } }] }),
    reason: (facts) => describe(field, facts.byPath.get(field)),
  };
}

const SHOWN_MAX = 200;

function describe(field: string, fact: Fact | undefined): string {
  if (fact === undefined) return `${field} is not known`;
  const { text, number, flag, time, list } = fact;
  if (text === undefined && time !== undefined) return `${field} is ${new Date(time).toISOString()}`;
  const shown = JSON.stringify(text ?? number ?? flag ?? list);
  if (shown === undefined) return `${field} is an object`;
  return `${field} is ${shown.length > SHOWN_MAX ? `${shown.slice(0, SHOWN_MAX)}…` : shown}`;
}
