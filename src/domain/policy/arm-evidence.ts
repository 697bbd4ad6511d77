import type { BetaParameters } from "../statistics/beta-logit.ts";

/** What is known of an arm, old outcomes fading: `successes` and `failures` as they weigh at time `at`. Whole at first, fractions once
 *  they fade. */
export type ArmEvidence = {
  readonly successes: number;
  readonly failures: number;
  /** Milliseconds since 1970. */
  readonly at: number;
};

export type Outcome = {
  /** In 0..1: 1 is a success, 0 a failure, and between counts as part of each (a conversion minus its cost, say). */
  readonly reward: number;
  readonly at: number;
};

/** Nothing known. */
export const NO_EVIDENCE: ArmEvidence = { successes: 0, failures: 0, at: 0 };

/** Takes an outcome in. Whatever order outcomes come in, and however late, the sum is the same: each weighs 2^(−age/half-life).
 *  @param halfLifeMs after which an outcome counts half; Infinity keeps all for good. */
export function observe(evidence: ArmEvidence, { reward, at }: Outcome, halfLifeMs: number): ArmEvidence {
  const newest = Math.max(evidence.at, at);
  const faded = fade(evidence, newest, halfLifeMs);
  const weight = 2 ** ((at - newest) / halfLifeMs);
  return {
    successes: faded.successes + reward * weight,
    failures: faded.failures + (1 - reward) * weight,
    at: newest,
  };
}

/** The distribution of an arm's rate as of a time: the prior, and what is left of the evidence by then. An arm that has not been tried
 *  for long comes back to the prior, and so is tried again.
 *  @param now not before the evidence. */
export function toPosterior(
  evidence: ArmEvidence,
  prior: BetaParameters,
  { now, halfLifeMs }: { readonly now: number; readonly halfLifeMs: number },
): BetaParameters {
  const { successes, failures } = fade(evidence, now, halfLifeMs);
  return { alpha: prior.alpha + successes, beta: prior.beta + failures };
}

function fade(evidence: ArmEvidence, to: number, halfLifeMs: number): ArmEvidence {
  const weight = 2 ** ((evidence.at - to) / halfLifeMs);
  return { successes: evidence.successes * weight, failures: evidence.failures * weight, at: to };
}
