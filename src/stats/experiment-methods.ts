import type { z } from "zod";
import { parseFields } from "../api/field-checks.ts";
import { adjustPValues } from "../domain/experiment/adjust-p-values.ts";
import { asymptoticConfidenceSequence } from "../domain/experiment/asymptotic-confidence-sequence.ts";
import { betaBinomialBayes } from "../domain/experiment/beta-binomial-bayes.ts";
import { cupedTest } from "../domain/experiment/cuped-test.ts";
import { distribution } from "../domain/experiment/distribution.ts";
import { gaussianEffectBayes } from "../domain/experiment/gaussian-effect-bayes.ts";
import { groupSequentialBounds } from "../domain/experiment/group-sequential-bounds.ts";
import { holdoutLift } from "../domain/experiment/holdout-lift.ts";
import { nonInferiorityTest } from "../domain/experiment/non-inferiority-test.ts";
import { normalLogMixture, normalMixtureBound } from "../domain/experiment/normal-mixture.ts";
import { ratioMetricTest } from "../domain/experiment/ratio-metric-test.ts";
import { sampleRatioMismatch } from "../domain/experiment/sample-ratio-mismatch.ts";
import {
  minimumDetectableEffectMeans,
  powerMeans,
  sampleSizeMeans,
  sampleSizeTwoProportions,
} from "../domain/experiment/sample-size.ts";
import { twoProportionZTest } from "../domain/experiment/two-proportion-z-test.ts";
import { welchTTest } from "../domain/experiment/welch-t-test.ts";
import { winsorize } from "../domain/experiment/winsorize.ts";
import { EXPERIMENT_INPUTS } from "./experiment-inputs.ts";
import type { Methods } from "./methods.ts";

const inputs = EXPERIMENT_INPUTS;

/** The methods of an experiment's analysis by their names on the wire: snake_case in, snake_case out.
 *  They refuse by throwing InvalidInput. */
export const EXPERIMENT_METHODS: Methods = {
  two_proportion_z_test: method(inputs.twoProportionZTest, twoProportionZTest),
  welch_t_test: method(inputs.welchTTest, welchTTest),
  ratio_metric_test: method(inputs.ratioMetricTest, ratioMetricTest),
  cuped_test: method(inputs.cupedTest, cupedTest),
  asymptotic_confidence_sequence: method(inputs.asymptoticConfidenceSequence, asymptoticConfidenceSequence),
  normal_mixture_bound: method(inputs.normalMixtureBound, normalMixtureBound),
  normal_log_mixture: method(inputs.normalLogMixture, normalLogMixture),
  group_sequential_bounds: method(inputs.groupSequentialBounds, groupSequentialBounds),
  beta_binomial_bayes: method(inputs.betaBinomialBayes, betaBinomialBayes),
  gaussian_effect_bayes: method(inputs.gaussianEffectBayes, gaussianEffectBayes),
  sample_ratio_mismatch: method(inputs.sampleRatioMismatch, sampleRatioMismatch),
  adjust_p_values: method(inputs.adjustPValues, adjustPValues),
  sample_size_two_proportions: method(inputs.sampleSizeTwoProportions, sampleSizeTwoProportions),
  sample_size_means: method(inputs.sampleSizeMeans, sampleSizeMeans),
  power_means: method(inputs.powerMeans, powerMeans),
  // The published implementation stops within 1e-5, and agreeing with it is what these methods are for.
  minimum_detectable_effect_means: method(inputs.minimumDetectableEffectMeans, (input) =>
    minimumDetectableEffectMeans({ ...input, tolerance: 1e-5 }),
  ),
  non_inferiority_test: method(inputs.nonInferiorityTest, nonInferiorityTest),
  winsorize: method(inputs.winsorize, winsorize),
  holdout_lift: method(inputs.holdoutLift, holdoutLift),
  distribution: method(inputs.distribution, distribution),
};

function method<I, O extends object>(schema: z.ZodType<I>, run: (input: I) => O): Methods[string] {
  return (input) => {
    const result = Object.entries(run(parseFields(schema, toCamelKeys(input))));
    for (const [name, value] of result) checkFinite(name, value);
    return Object.fromEntries(result.map(([name, value]) => [toSnake(name), value]));
  };
}

/** Out of range is no answer: better refused than written as null, which JSON makes of it. */
function checkFinite(name: string, value: unknown): void {
  const numbers = Array.isArray(value) ? value : [value];
  for (const number of numbers)
    if (typeof number === "number" && !Number.isFinite(number))
      throw new RangeError(`${toSnake(name)} is beyond what a double holds`);
}

function toCamelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toCamelKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [toCamel(key), toCamelKeys(inner)]));
}

const toCamel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const toSnake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
