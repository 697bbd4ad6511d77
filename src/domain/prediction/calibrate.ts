/** A score, 0 to 1, and whether what it foresaw came true. */
export type Scored = { readonly score: number; readonly outcome: boolean };

/** How scores of one interval compare with what came of them. */
export type ReliabilityBin = {
  /** Inclusive. */
  readonly fromScore: number;
  /** Exclusive but for 1. */
  readonly untilScore: number;
  readonly count: number;
  /** 0 when there are none. */
  readonly meanScore: number;
  /** 0 when there are none. */
  readonly observedRate: number;
};

/** How good scores were. */
export type Calibration = {
  readonly count: number;
  readonly positiveCount: number;
  readonly brierScore: number;
  /** In nats. */
  readonly logLoss: number;
  readonly expectedCalibrationError: number;
  readonly bins: readonly ReliabilityBin[];
};

const BINS = 10;
/** Keeps a sure score that was wrong from making the loss infinite. */
const EPSILON = 1e-15;

/** Compares scores with outcomes.
 *  Brier score: the mean of (score - outcome)² (G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly
 *  Weather Review 78, 1950, in its form for two outcomes with one counted). Log loss: the mean of -ln of the probability given to
 *  what happened (I. J. Good, Rational Decisions, 1952). Expected calibration error over ten bins of equal width (M. P. Naeini,
 *  G. F. Cooper, M. Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015).
 *  All are 0 when there is nothing to compare. */
export function calibrate(scored: readonly Scored[]): Calibration {
  const groups = Array.from({ length: BINS }, (): Scored[] => []);
  for (const one of scored) groups[Math.min(BINS - 1, Math.floor(one.score * BINS))]?.push(one);
  const bins = groups.map((group, index) => toBin(group, index));
  const count = scored.length;
  return {
    count,
    positiveCount: scored.filter(({ outcome }) => outcome).length,
    brierScore: mean(scored, ({ score, outcome }) => (score - Number(outcome)) ** 2),
    logLoss: mean(scored, toLogLoss),
    expectedCalibrationError:
      count === 0
        ? 0
        : bins.reduce((sum, bin) => sum + (bin.count / count) * Math.abs(bin.meanScore - bin.observedRate), 0),
    bins,
  };
}

function toLogLoss({ score, outcome }: Scored): number {
  const bounded = Math.min(1 - EPSILON, Math.max(EPSILON, score));
  return outcome ? -Math.log(bounded) : -Math.log1p(-bounded);
}

function toBin(group: readonly Scored[], index: number): ReliabilityBin {
  return {
    fromScore: index / BINS,
    untilScore: (index + 1) / BINS,
    count: group.length,
    meanScore: mean(group, ({ score }) => score),
    observedRate: mean(group, ({ outcome }) => Number(outcome)),
  };
}

const mean = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.length === 0 ? 0 : items.reduce((sum, item) => sum + value(item), 0) / items.length;
