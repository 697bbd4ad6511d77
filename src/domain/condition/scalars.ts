import type { Value } from "@bufbuild/protobuf/wkt";
import { Operator } from "../../../gen/intervention/v1/condition_pb.js";
import type { Scalar } from "./compare.ts";

const CHARACTERS_MAX = 1_024;
const VALUES_MAX = 1_000;

/** The values a comparison names: one, or for IN those of its list.
 *  @returns what is wrong, when they are none. */
export function toScalars(value: Value | undefined, operator: Operator): readonly Scalar[] | string {
  const kind = value?.kind;
  if (operator !== Operator.IN) {
    const scalar = toScalar(value);
    return typeof scalar === "object" ? scalar.problem : [scalar];
  }
  if (kind?.case !== "listValue") return "IN needs a list of values";
  const { values } = kind.value;
  if (values.length === 0 || values.length > VALUES_MAX)
    return `there are ${values.length}; 1 to ${VALUES_MAX} are allowed`;
  const scalars: Scalar[] = [];
  for (const one of values) {
    const scalar = toScalar(one);
    if (typeof scalar === "object") return scalar.problem;
    if (scalars.length > 0 && typeof scalar !== typeof scalars[0]) return "the values are not all of one type";
    scalars.push(scalar);
  }
  return scalars;
}

function toScalar(value: Value | undefined): Scalar | { readonly problem: string } {
  const kind = value?.kind;
  switch (kind?.case) {
    case "numberValue":
      return Number.isFinite(kind.value) ? kind.value : { problem: `${kind.value} is not a finite number` };
    case "boolValue":
      return kind.value;
    case "stringValue":
      return kind.value.length > CHARACTERS_MAX
        ? { problem: `it has ${kind.value.length} characters; up to ${CHARACTERS_MAX} are allowed` }
        : kind.value;
    default:
      return { problem: "a number, a text or a boolean is needed" };
  }
}
