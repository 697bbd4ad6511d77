import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { METHODS_BY_KIND, runCase } from "./run-case.ts";
import { findDifferences } from "./testing/find-differences.ts";

/** Each case names the published function, or the paper's definition, that its expected figures come from. */
const oracle = z.object({
  cases: z.array(
    z.object({
      id: z.string(),
      method: z.string(),
      source: z.string().min(1),
      input: z.unknown(),
      expected: z.unknown().optional(),
      expect_error: z.literal(true).optional(),
      tolerance: z.object({ rel: z.number(), abs: z.number() }).default({ rel: 1e-9, abs: 1e-12 }),
    }),
  ),
});

const read = async (kind: string) =>
  oracle.parse(JSON.parse(await readFile(new URL(`./testing/${kind}-oracle.json`, import.meta.url), "utf8"))).cases;

describe.each([
  ["attribution", METHODS_BY_KIND.attribution, await read("attribution")],
  ["experiment", METHODS_BY_KIND.experiment, await read("experiment")],
  ["policy", METHODS_BY_KIND.policy, await read("policy")],
] as const)("the reference vectors of %s", (_kind, methods, cases) => {
  test.each(cases.filter((one) => one.expect_error === undefined))("$id agrees: $source", (one) => {
    const answer = runCase(methods, one);
    expect(answer).toHaveProperty("result");
    if ("result" in answer) expect(findDifferences(answer.result, one.expected, one.tolerance)).toEqual([]);
  });

  test.each(cases.filter((one) => one.expect_error === true))("$id is refused: $source", (one) => {
    expect(runCase(methods, one)).toEqual({ id: one.id, error: expect.any(String) });
  });
});
