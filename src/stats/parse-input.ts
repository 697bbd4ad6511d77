import { z } from "zod";
import { InvalidInput } from "../domain/errors.ts";

/** A number that is one: not missing, not null, not infinite. */
export const real = z.number();
/** How often something was seen. */
export const count = z.int().min(0);
/** Milliseconds since 1970, or of a span of time. */
export const timeMs = z.int();
/** One minus the confidence. */
export const alpha = z.number().gt(0).lt(1);
export const positive = z.number().gt(0);

/** @throws InvalidInput that names every bad field. */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new InvalidInput(
    parsed.error.issues.map(({ path, message }) => ({ field: toPath(path), description: message })),
  );
}

function toPath(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text.replace(/^\./, "") || "input";
}
