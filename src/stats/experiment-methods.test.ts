import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { z } from "zod";
import { EXPERIMENT_METHODS } from "./experiment-methods.ts";

const oracle = z.object({
  cases: z.array(
    z.object({
      id: z.string(),
      method: z.string(),
      input: z.unknown(),
      expect_error: z.boolean().default(false),
    }),
  ),
});

const { cases } = oracle.parse(
  JSON.parse(readFileSync(new URL("./testing/experiment-oracle.json", import.meta.url), "utf8")),
);
/** Belongs to the choice among many arms, not to the analysis of two. */
const here = cases.filter(({ method }) => method !== "thompson_allocation");

const run = (method: string, input: unknown) => EXPERIMENT_METHODS[method]?.(input);

it("covers every method that the reference has", () => {
  expect(new Set(Object.keys(EXPERIMENT_METHODS))).toEqual(new Set(here.map(({ method }) => method)));
});

/** Every place of a number in an input, with the input as it is with something else there. */
function* withReplaced(value: unknown, replacement: unknown, path = ""): Generator<[string, unknown]> {
  if (typeof value === "number") yield [path, replacement];
  else if (Array.isArray(value))
    for (const [i, inner] of value.entries())
      for (const [where, changed] of withReplaced(inner, replacement, `${path}[${i}]`))
        yield [where, value.with(i, changed)];
  else if (typeof value === "object" && value !== null)
    for (const [key, inner] of Object.entries(value))
      for (const [where, changed] of withReplaced(inner, replacement, `${path}.${key}`))
        yield [where, { ...value, [key]: changed }];
}

const firsts = [...new Map(here.filter((one) => !one.expect_error).map((one) => [one.method, one])).values()];
/** `null`, what JSON has no word for, and what isn't there. */
const nonNumbers = [null, Number.NaN, Number.POSITIVE_INFINITY, "1", undefined];

describe("experiment methods refuse what is no number", () => {
  test.each(firsts)("anywhere in the input of $method", ({ method, input }) => {
    for (const nonNumber of nonNumbers)
      for (const [path, changed] of withReplaced(input, nonNumber))
        expect(() => run(method, changed), `${path} = ${String(nonNumber)}`).toThrow();
  });

  test.each(firsts)(
    "counts of $method that are negative or not whole, and alphas outside (0, 1)",
    ({ method, input }) => {
      for (const bad of [-1, 2.5])
        for (const [path, changed] of withReplaced(input, bad))
          if (/\.(n|n_\w+|x_\w+|alpha|alpha_opt)$|observed/.test(path))
            expect(() => run(method, changed), `${path} = ${bad}`).toThrow();
      for (const bad of [0, 1])
        for (const [path, changed] of withReplaced(input, bad))
          if (/alpha(_opt)?$/.test(path) && !path.includes("prior"))
            expect(() => run(method, changed), `${path} = ${bad}`).toThrow();
    },
  );

  it("names every bad field at once, as the wire writes it", () => {
    expect(() => run("two_proportion_z_test", { x_a: null, n_a: -1, x_b: 1, n_b: 2, alpha: 1.5 })).toThrow(
      /x_a: .*n_a: .*alpha: .*variance: /,
    );
  });
});
