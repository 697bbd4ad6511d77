import { toBucket } from "./bucket.ts";

/** An arm and how many of those in the experiment get it. */
export type ArmShare = { readonly name: string /** > 0, in relation to the others'. */; readonly weight: number };

/** People kept out of something, so that what it brings can be told. */
export type Holdout = { readonly salt: string /** In [0, 1]. */; readonly share: number };

/** Experiments that exclude each other share a layer, and each has a piece of its buckets. */
export type LayerSlice = {
  readonly salt: string;
  /** Inclusive, in [0, 1]. */
  readonly from: number;
  /** Exclusive but for 1. */
  readonly until: number;
};

export type Assignment = {
  /** Of this experiment alone, never changed: another salt is another draw. */
  readonly salt: string;
  readonly arms: readonly ArmShare[];
  /** How many of those it may have take part, in [0, 1]: raise it to ramp up. Who is in stays in, and in the arm they have. */
  readonly exposure: number;
  readonly globalHoldout?: Holdout | undefined;
  readonly campaignHoldout?: Holdout | undefined;
  readonly layer?: LayerSlice | undefined;
  /** Attributes whose values make up a user's stratum. */
  readonly stratifyBy?: readonly string[] | undefined;
};

/** What became of a user, and what an analysis wants to know of it later. */
export type Assigned =
  | { readonly kind: "held_out"; readonly by: "workspace" | "campaign" }
  | { readonly kind: "in_another_experiment" }
  | { readonly kind: "not_yet_exposed" }
  | {
      readonly kind: "assigned";
      readonly arm: string;
      /** Probability of this arm given that the user takes part. */
      readonly propensity: number;
      /** The user's values of `stratifyBy`, as JSON; "[]" without. */
      readonly stratum: string;
    };

/** Which arm a user gets: always the same, without anything stored, and independent of every other experiment.
 *  Five draws under salts of their own, so that none tells anything of another: held out of all campaigns, held out of this one, the place in
 *  the layer, taking part, the arm. In this order, the first "no" ends it.
 *  Weights are part of the plan: changing them moves people, which only a new experiment (a new salt) may do.
 *  Random assignment balances strata by itself; the stratum is recorded so that an analysis can look at each, and weigh them.
 *  Source: D. Tang et al., Overlapping Experiment Infrastructure (KDD 2010), for layers. */
export function assign(
  plan: Assignment,
  user: { readonly userId: string; readonly attributes?: Readonly<Record<string, unknown>> | undefined },
): Assigned {
  const { userId } = user;
  if (isHeldOut(plan.globalHoldout, userId)) return { kind: "held_out", by: "workspace" };
  if (isHeldOut(plan.campaignHoldout, userId)) return { kind: "held_out", by: "campaign" };
  if (!isInSlice(plan.layer, userId)) return { kind: "in_another_experiment" };
  if (toBucket(`${plan.salt}/exposure`, userId) >= plan.exposure) return { kind: "not_yet_exposed" };
  const { name, weight } = pickArm(plan.arms, toBucket(`${plan.salt}/arm`, userId));
  return {
    kind: "assigned",
    arm: name,
    propensity: weight / sumOfWeights(plan.arms),
    stratum: JSON.stringify((plan.stratifyBy ?? []).map((attribute) => user.attributes?.[attribute] ?? null)),
  };
}

function isHeldOut(holdout: Holdout | undefined, userId: string): boolean {
  return holdout !== undefined && toBucket(`${holdout.salt}/holdout`, userId) < holdout.share;
}

function isInSlice(slice: LayerSlice | undefined, userId: string): boolean {
  if (slice === undefined) return true;
  const bucket = toBucket(`${slice.salt}/layer`, userId);
  return bucket >= slice.from && bucket < slice.until;
}

function pickArm(arms: readonly ArmShare[], bucket: number): ArmShare {
  const wanted = bucket * sumOfWeights(arms);
  let reached = 0;
  for (const arm of arms) {
    reached += arm.weight;
    if (wanted < reached) return arm;
  }
  // Rounding may leave a last sliver.
  const last = arms.at(-1);
  if (last === undefined) throw new Error("an experiment has arms");
  return last;
}

function sumOfWeights(arms: readonly ArmShare[]): number {
  return arms.reduce((sum, { weight }) => sum + weight, 0);
}
