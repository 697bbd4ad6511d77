import { z } from "zod";
import { DISTRIBUTION_NAMES } from "../domain/experiment/distribution.ts";

/** Finite, as every number here. */
const real = z.number();
const count = z.number().int().min(0);
const positive = z.number().positive();
const notNegative = z.number().min(0);
/** In (0, 1). */
const open = z.number().gt(0).lt(1);
/** In [0, 1]. */
const share = z.number().min(0).max(1);

const counts = { xA: count, nA: count, xB: count, nB: count };
const arm = z.object({ n: count, sum: real, sumSquares: real });
const ratioArm = z.object({
  n: count,
  sumM: real,
  sumSquaresM: real,
  sumD: real,
  sumSquaresD: real,
  sumProducts: real,
});
const cupedArm = z.object({
  n: count,
  sumPost: real,
  sumSquaresPost: real,
  sumPre: real,
  sumSquaresPre: real,
  sumProducts: real,
});
const differenceType = z.enum(["absolute", "relative"]);
const sides = z.literal([1, 2]);
const plan = { alpha: open, power: open, ratio: positive };

/** What each method takes, by the names of the domain; a field that isn't named here is let through unread. */
export const EXPERIMENT_INPUTS = {
  twoProportionZTest: z.object({ ...counts, alpha: open, variance: z.enum(["pooled", "unpooled"]) }),
  welchTTest: z.object({ meanA: real, varA: real, nA: count, meanB: real, varB: real, nB: count, alpha: open }),
  ratioMetricTest: z.object({ a: ratioArm, b: ratioArm, alpha: open }),
  cupedTest: z.object({ a: cupedArm, b: cupedArm, alpha: open }),
  asymptoticConfidenceSequence: z.object({ a: arm, b: arm, alpha: open, tuningParameter: positive, differenceType }),
  normalMixtureBound: z.object({ v: notNegative, alpha: open, vOpt: positive, alphaOpt: open, sides }),
  normalLogMixture: z.object({ s: real, v: notNegative, vOpt: positive, alphaOpt: open }),
  groupSequentialBounds: z.object({
    informationFractions: z.array(real).min(1).max(1_000),
    alpha: open,
    sides,
    spending: z.enum(["obrien_fleming", "pocock", "power"]),
    rho: positive.optional(),
  }),
  betaBinomialBayes: z.object({ ...counts, priorAlpha: positive, priorBeta: positive }),
  gaussianEffectBayes: z.object({
    a: arm,
    b: arm,
    alpha: open,
    differenceType,
    prior: z.object({ mean: real, variance: real, proper: z.boolean() }),
  }),
  sampleRatioMismatch: z.object({ observed: z.array(count), weights: z.array(real) }),
  adjustPValues: z.object({ pValues: z.array(real), procedure: z.enum(["holm", "benjamini_hochberg"]) }),
  sampleSizeTwoProportions: z.object({ ...plan, pA: share, pB: share, formula: z.enum(["arcsine", "unpooled"]) }),
  sampleSizeMeans: z.object({ ...plan, effectSize: real }),
  powerMeans: z.object({ effectSize: real, nA: count, alpha: open, ratio: positive }),
  minimumDetectableEffectMeans: z.object({ ...plan, nA: count }),
  nonInferiorityTest: z.object({ ...counts, margin: real, alpha: open }),
  winsorize: z.object({ values: z.array(real), quantile: share }),
  holdoutLift: z.object({ xTreated: count, nTreated: count, xHoldout: count, nHoldout: count, alpha: open }),
  distribution: z.object({ function: z.enum(DISTRIBUTION_NAMES), args: z.array(real) }),
};
