import { InvalidInput } from "../domain/errors.ts";
import { ALLOCATION_METHODS } from "./allocation-methods.ts";
import { ATTRIBUTION_METHODS } from "./attribution-methods.ts";
import { EXPERIMENT_METHODS } from "./experiment-methods.ts";
import type { Methods } from "./methods.ts";
import { POLICY_METHODS } from "./policy-methods.ts";

/** Every method that a file of a kind may ask for. */
export const METHODS_BY_KIND = {
  attribution: ATTRIBUTION_METHODS,
  experiment: { ...EXPERIMENT_METHODS, ...ALLOCATION_METHODS },
  policy: POLICY_METHODS,
} as const satisfies Record<string, Methods>;

export type CaseAnswer =
  | { readonly id: string; readonly result: Record<string, unknown> }
  | { readonly id: string; readonly error: string };

/** Answers one case: with the result, or with why there is none. Only a bug throws. */
export function runCase(
  methods: Methods,
  { id, method, input }: { id: string; method: string; input: unknown },
): CaseAnswer {
  const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (run === undefined) {
    return { id, error: `there is no method "${method}": one of ${Object.keys(methods).join(", ")} is wanted` };
  }
  try {
    const result = run(input);
    const bad = findNonFinite(result, "");
    return bad === undefined ? { id, result } : { id, error: `${bad} is no finite number: the input is out of range` };
  } catch (error) {
    // A RangeError is a numerical method that says it does not serve these arguments.
    if (error instanceof InvalidInput || error instanceof RangeError) return { id, error: error.message };
    throw error;
  }
}

/** The path of the first number that JSON cannot carry. */
function findNonFinite(value: unknown, path: string): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, part] of Object.entries(value)) {
    const found = findNonFinite(part, path === "" ? key : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
