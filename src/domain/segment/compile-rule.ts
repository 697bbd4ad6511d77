import { durationMs } from "@bufbuild/protobuf/wkt";
import {
  type Condition_Comparison,
  type Condition_Recent,
  Operator,
} from "../../../gen/intervention/v1/condition_pb.js";
import { ConsentStatus, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import type {
  SegmentRule,
  SegmentRule_Consented,
  SegmentRule_Did,
  SegmentRule_Foreseen,
  SegmentRule_List,
} from "../../../gen/intervention/v1/segment_pb.js";
import { PredictionKind } from "../../../gen/intervention/v1/shopper_pb.js";
import { parseTime, type Scalar } from "../condition/compare.ts";
import { toScalars } from "../condition/scalars.ts";
import { type FieldViolation, InvalidInput } from "../errors.ts";
import { CONSENT_SUBJECTS, toConsentName } from "../profile/register-keys.ts";
import { askComparison, askExists, askRecent } from "./ask-field.ts";
import { askConsented, askDid, askForeseen, askListed, isScoreOperator } from "./ask-history.ts";
import { findRuleField, type RuleFieldKind, SHOP_EVENT_NAMES } from "./rule-field.ts";
import { joinAll, joinAny, negate, type RuleNode } from "./rule-node.ts";

/** What another segment is, for rules that name it; undefined when there is none. */
export type FindSegment = (segmentId: string) => { readonly rule?: SegmentRule | undefined } | undefined;

const DEPTH_MAX = 16;
const TESTS_MAX = 256;
const LIST_MAX = 64;
const SEGMENTS_DEEP_MAX = 8;
const WITHIN_MS = { min: 1_000, max: 366 * 86_400_000 };
const TIMES_MAX = 1_000;
const DAYS_MAX = 365;

type Compiler = { readonly violations: FieldViolation[]; readonly find: FindSegment; tests: number };
type Place = {
  readonly compiler: Compiler;
  readonly path: string;
  readonly depth: number;
  /** The segments whose rules this part is in, from the outermost on. */
  readonly inside: readonly string[];
};

/** Checks a rule and makes it ready to be asked of shoppers, one by one or by a query. The rules of segments that it names are taken
 *  in, so that it depends on nobody's recorded membership but that of lists.
 *  @param options.path of the rule in the request, for errors and explanations. @param options.of the segment whose rule it is, which
 *  it can't name. @throws InvalidInput naming everything that is wrong. */
export function compileRule(
  rule: SegmentRule,
  options: { readonly find: FindSegment; readonly path?: string; readonly of?: string },
): RuleNode {
  const compiler: Compiler = { violations: [], find: options.find, tests: 0 };
  const path = options.path ?? "rule";
  const node = compile(rule, { compiler, path, depth: 1, inside: options.of === undefined ? [] : [options.of] });
  if (compiler.tests > TESTS_MAX)
    compiler.violations.push({
      field: path,
      description: `it has ${compiler.tests} tests with those of the segments it names; up to ${TESTS_MAX} are allowed`,
    });
  if (compiler.violations.length > 0 || node === undefined) throw new InvalidInput(compiler.violations);
  return node;
}

function refuse({ compiler }: Place, field: string, description: string): undefined {
  compiler.violations.push({ field, description });
}

function compile({ rule }: SegmentRule, place: Place): RuleNode | undefined {
  const { compiler, path, depth } = place;
  compiler.tests += 1;
  if (depth > DEPTH_MAX) return refuse(place, path, `it is more than ${DEPTH_MAX} deep`);
  const below = (name: string): Place => ({ ...place, path: `${path}.${name}`, depth: depth + 1 });
  switch (rule.case) {
    case "all":
      return compileList(rule.value, below("all"), joinAll);
    case "any":
      return compileList(rule.value, below("any"), joinAny);
    case "not": {
      const node = compile(rule.value, below("not"));
      return node && negate(path, node);
    }
    case "comparison":
      return compileComparison(rule.value, below("comparison"));
    case "exists": {
      const kind = lookUp(rule.value, place, `${path}.exists`);
      return kind && askExists(path, rule.value);
    }
    case "recent":
      return compileRecent(rule.value, below("recent"));
    case "did":
      return compileDid(rule.value, below("did"));
    case "consented":
      return compileConsented(rule.value, below("consented"));
    case "foreseen":
      return compileForeseen(rule.value, below("foreseen"));
    case "inSegment":
      return compileSegment(rule.value, { ...place, path: `${path}.in_segment` });
    default:
      return refuse(
        place,
        path,
        "it asks nothing; one of all, any, not, comparison, exists, recent, did, consented, foreseen, in_segment is needed",
      );
  }
}

function compileList({ rules }: SegmentRule_List, place: Place, join: typeof joinAll): RuleNode | undefined {
  if (rules.length === 0 || rules.length > LIST_MAX)
    return refuse(place, `${place.path}.rules`, `there are ${rules.length}; 1 to ${LIST_MAX} are allowed`);
  const nodes = rules.map((rule, index) => compile(rule, { ...place, path: `${place.path}.rules[${index}]` }));
  return join(
    place.path,
    nodes.flatMap((node) => node ?? []),
  );
}

function lookUp(path: string, place: Place, field: string): RuleFieldKind | undefined {
  const found = findRuleField(path);
  return typeof found === "string" ? found : refuse(place, field, found.problem);
}

const ORDERS = [Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL];

function compileComparison(comparison: Condition_Comparison, place: Place): RuleNode | undefined {
  const { field, operator, value } = comparison;
  const kind = lookUp(field, place, `${place.path}.field`);
  if (!(operator >= Operator.EQUAL && operator <= Operator.CONTAINS))
    return refuse(place, `${place.path}.operator`, `${operator} is no operator`);
  const values = toScalars(value, operator);
  if (typeof values === "string") return refuse(place, `${place.path}.value`, values);
  if (kind === undefined) return undefined;
  const problem = findMismatch(kind, operator, values);
  if (problem !== undefined) return refuse(place, `${place.path}.${problem.part}`, problem.description);
  return askComparison(place.path, comparison, values, kind);
}

function findMismatch(
  kind: RuleFieldKind,
  operator: Operator,
  values: readonly Scalar[],
): { readonly part: "operator" | "value"; readonly description: string } | undefined {
  const isOrder = ORDERS.includes(operator);
  if (isOrder && kind === "text")
    return {
      part: "operator",
      description: `${Operator[operator]} asks for a number or a time, and the field is a text`,
    };
  if (operator === Operator.CONTAINS && (kind === "number" || kind === "time"))
    return { part: "operator", description: `CONTAINS asks for a text or a list, and the field is a ${kind}` };
  const wrong = values.find((value) => !fits(value, kind, isOrder));
  if (wrong === undefined) return undefined;
  const allowed = { number: "a number", text: "a text", time: "a time", any: "a number or a time" }[kind];
  return { part: "value", description: `${JSON.stringify(wrong)} is not ${allowed}, which is needed here` };
}

function fits(value: Scalar, kind: RuleFieldKind, isOrder: boolean): boolean {
  const isTime = typeof value === "string" && parseTime(value) !== undefined;
  if (kind === "time") return isTime;
  if (kind === "any") return !isOrder || typeof value === "number" || isTime;
  return kind === "number" ? typeof value === "number" : typeof value === "string";
}

function compileRecent({ field, within }: Condition_Recent, place: Place): RuleNode | undefined {
  const kind = lookUp(field, place, `${place.path}.field`);
  const withinMs = within === undefined ? 0 : durationMs(within);
  if (withinMs < WITHIN_MS.min || withinMs > WITHIN_MS.max)
    return refuse(place, `${place.path}.within`, `${withinMs / 1_000} s is not in 1 s to 366 days`);
  if (kind === undefined) return undefined;
  if (kind !== "time" && kind !== "any") return refuse(place, `${place.path}.field`, `it is no time but a ${kind}`);
  return askRecent(place.path, field, withinMs);
}

function compileDid({ kind, atLeast, withinDays }: SegmentRule_Did, place: Place): RuleNode | undefined {
  const name = SHOP_EVENT_NAMES.get(kind);
  const isCount = atLeast >= 0 && atLeast <= TIMES_MAX;
  const isSpan = withinDays >= 0 && withinDays <= DAYS_MAX;
  if (!isCount) refuse(place, `${place.path}.at_least`, `${atLeast} is not in 1 to ${TIMES_MAX}, or 0 for 1`);
  if (!isSpan) refuse(place, `${place.path}.within_days`, `${withinDays} is not in 1 to ${DAYS_MAX}, or 0 for ever`);
  if (name === undefined) return refuse(place, `${place.path}.kind`, `${kind} is no kind of event`);
  return isCount && isSpan ? askDid(place.path, { kind: name, atLeast: atLeast || 1, withinDays }) : undefined;
}

function compileConsented(asked: SegmentRule_Consented, place: Place): RuleNode | undefined {
  const purpose = asked.purpose === Purpose.UNSPECIFIED ? Purpose.MARKETING : asked.purpose;
  const subject = CONSENT_SUBJECTS.find((one) => one.channel === asked.channel && one.purpose === purpose);
  if (asked.status > ConsentStatus.DENIED)
    return refuse(place, `${place.path}.status`, `${asked.status} is no status of a consent`);
  if (subject === undefined)
    return refuse(
      place,
      `${place.path}.channel`,
      `nobody is asked for channel ${asked.channel} and purpose ${purpose}`,
    );
  const status = asked.status === ConsentStatus.DENIED ? "denied" : "granted";
  return askConsented(place.path, { path: toConsentPath(toConsentName(subject)), status });
}

/** Where a shopper's facts have what he said of a channel and a purpose. */
export const toConsentPath = (name: string) => `consent.${name.replace("/", ".")}`;

function compileForeseen({ kind, operator, score }: SegmentRule_Foreseen, place: Place): RuleNode | undefined {
  const isKind = kind !== PredictionKind.UNSPECIFIED && PredictionKind[kind] !== undefined;
  const isScore = score >= 0 && score <= 1;
  if (!isKind) refuse(place, `${place.path}.kind`, `${kind} is no kind of prediction`);
  if (!isScore) refuse(place, `${place.path}.score`, `${score} is not in 0 to 1`);
  if (!isScoreOperator(operator))
    return refuse(place, `${place.path}.operator`, `${Operator[operator] ?? operator} can't be asked of a score`);
  return isKind && isScore ? askForeseen(place.path, { kind: toPredictionName(kind), operator, score }) : undefined;
}

/** The short name that facts have of what is foreseen. */
export const toPredictionName = (kind: PredictionKind) => (PredictionKind[kind] ?? "unspecified").toLowerCase();

function compileSegment(segmentId: string, place: Place): RuleNode | undefined {
  const { compiler, inside, path } = place;
  if (inside.includes(segmentId))
    return refuse(place, path, `segment "${segmentId}" names itself: ${[...inside, segmentId].join(" > ")}`);
  if (inside.length >= SEGMENTS_DEEP_MAX)
    return refuse(place, path, `segments name each other more than ${SEGMENTS_DEEP_MAX} deep: ${inside.join(" > ")}`);
  const found = compiler.find(segmentId);
  if (found === undefined) return refuse(place, path, `there is no segment "${segmentId}" in this workspace`);
  if (found.rule === undefined) return askListed(path, segmentId);
  const node = compile(found.rule, { ...place, depth: place.depth + 1, inside: [...inside, segmentId] });
  return node && { ...node, path };
}
