import { betaCdf } from "../statistics/beta.ts";
import { chiSquareSf } from "../statistics/chi-square.ts";
import { normalCdf, normalPpf, normalSf } from "../statistics/normal.ts";
import { tPpf, tSf } from "../statistics/student-t.ts";
import { refuse } from "./refuse.ts";

type Parameter = { readonly name: string; readonly allowed: string; readonly isAllowed: (value: number) => boolean };

const real: Parameter = { name: "x", allowed: "a number", isAllowed: Number.isFinite };
const probability: Parameter = { name: "p", allowed: "in (0, 1)", isAllowed: (value) => value > 0 && value < 1 };
const positive = (name: string): Parameter => ({ name, allowed: "above 0", isAllowed: (value) => value > 0 });

const DISTRIBUTIONS = {
  normal_cdf: { parameters: [real], value: ([x = 0]) => normalCdf(x) },
  normal_sf: { parameters: [real], value: ([x = 0]) => normalSf(x) },
  normal_ppf: { parameters: [probability], value: ([p = 0]) => normalPpf(p) },
  t_sf: { parameters: [real, positive("df")], value: ([x = 0, df = 1]) => tSf(x, df) },
  t_ppf: { parameters: [probability, positive("df")], value: ([p = 0, df = 1]) => tPpf(p, df) },
  chi2_sf: { parameters: [real, positive("df")], value: ([x = 0, df = 1]) => chiSquareSf(x, df) },
  beta_cdf: { parameters: [real, positive("a"), positive("b")], value: ([x = 0, a = 1, b = 1]) => betaCdf(x, a, b) },
} as const satisfies Record<
  string,
  { readonly parameters: readonly Parameter[]; readonly value: (args: readonly number[]) => number }
>;

export type DistributionName = keyof typeof DISTRIBUTIONS;
export const DISTRIBUTION_NAMES = Object.keys(DISTRIBUTIONS) as readonly DistributionName[];

/** The value of a distribution function, for who wants to check the ground that the methods stand on.
 *  @throws InvalidInput for another number of arguments, or one out of its range. */
export function distribution(input: { readonly function: DistributionName; readonly args: readonly number[] }): {
  value: number;
} {
  const { parameters, value } = DISTRIBUTIONS[input.function];
  if (input.args.length !== parameters.length)
    refuse("args", `${input.function} takes ${parameters.map(({ name }) => name).join(", ")}`);
  for (const [i, { name, allowed, isAllowed }] of parameters.entries())
    if (!isAllowed(input.args[i] ?? Number.NaN)) refuse(`args[${i}]`, `${input.args[i]}: ${name} is ${allowed}`);
  return { value: value(input.args) };
}
