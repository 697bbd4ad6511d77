import type { JsonValue } from "@bufbuild/protobuf";
import type { Experiment } from "../../../gen/intervention/v1/experiment_pb.js";

/** A group of newcomers, by the values that an experiment stratifies by. Empty: nobody is told apart. */
export const toContext = (values: readonly JsonValue[]): string => (values.length === 0 ? "" : JSON.stringify(values));

/** What newcomers of a group get now, in the order of the variants; they sum to 1. */
export function currentShares(
  { allocations, variants }: Pick<Experiment, "allocations" | "variants">,
  context = "",
): number[] {
  const newest = allocations.at(-1);
  const shares = newest?.contexts.find((one) => one.context === context)?.shares ?? newest?.shares;
  if (shares !== undefined) return [...shares];
  const sum = variants.reduce((total, { weight }) => total + weight, 0);
  return variants.map(({ weight }) => weight / sum);
}

/** The stratum of a user whose experiment adapts: how often shares had changed when he came in, and his group. */
export function parseStratum(stratum: string): { readonly allocation: number; readonly context: string } {
  const [, allocation = "0", rest = ""] = /^\[(\d+),?(.*)\]$/.exec(stratum) ?? [];
  return { allocation: Number(allocation), context: rest === "" ? "" : `[${rest}]` };
}
