import { create } from "@bufbuild/protobuf";
import { type Assignment, AssignmentSchema, type ExperimentInput } from "../../../gen/intervention/v1/experiment_pb.js";
import { type Assigned, assign } from "./assign.ts";
import { toBucket } from "./bucket.ts";

/** What becomes of a user in an experiment, and why in words. */
export type Placed = { readonly assignment: Assignment; readonly reason: string };

/** Assigns a user by what was recorded of the experiment: the same for ever. Who has come in before keeps the variant. */
export function toAssignment(input: ExperimentInput): Placed {
  const { experiment, userId, earlierVariant, shares } = input;
  const plan = {
    salt: input.salt,
    arms: shares.map(({ variantId, weight }) => ({ name: variantId, weight })),
    exposure: input.traffic,
    stratifyBy: Object.keys(input.attributes ?? {}),
    ...(input.layer === undefined
      ? {}
      : { layer: { salt: input.layer.layer, from: input.layer.from, until: input.layer.until } }),
  };
  const drawn = assign(plan, { userId, attributes: input.attributes });
  const bucket = toBucket(`${input.salt}/arm`, userId);
  const which = `experiment "${experiment}"`;
  const of = (variant: string, words: string, stratum: string): Placed => {
    const share = shares.find(({ variantId }) => variantId === variant);
    const sum = shares.reduce((total, { weight }) => total + weight, 0);
    const isHoldout = share?.holdout === true;
    const propensity = (share?.weight ?? 0) / sum;
    return {
      assignment: create(AssignmentSchema, { experiment, variant, holdout: isHoldout, bucket, propensity, stratum }),
      reason: `${which}: variant "${variant}"${isHoldout ? ", a holdout" : ""} (${words})`,
    };
  };
  const out = (why: string): Placed => ({
    assignment: create(AssignmentSchema, { experiment }),
    reason: `${which}: ${why}`,
  });
  if (earlierVariant !== "") return of(earlierVariant, "as the user has had it before", toStratum(input));
  if (input.paused) return out("it is paused, and lets nobody new in");
  if (!input.permitted) return out("the user permits no channel of any variant");
  if (drawn.kind !== "assigned") return out(OUTSIDE[drawn.kind]);
  const draw = `bucket ${bucket.toFixed(6)} of "${userId}", with probability ${toShare(drawn.propensity)}`;
  return of(drawn.arm, draw, drawn.stratum);
}

const OUTSIDE: Readonly<Record<Exclude<Assigned["kind"], "assigned">, string>> = {
  held_out: "the user is held out",
  in_another_experiment: "the user is outside its piece of the layer",
  not_yet_exposed: "the user is not among those who take part so far",
};

/** What events of a message are counted by: `{experiment}/{variant}` of the campaign's own experiment, or else of that of all campaigns.
 *  Empty: of none. */
export function toAssignedName(assignments: readonly Assignment[]): string {
  const last = assignments.findLast(({ variant }) => variant !== "");
  return last === undefined ? "" : `${last.experiment}/${last.variant}`;
}

/** The same of what assignments are made of. */
export const toVariantName = (inputs: readonly ExperimentInput[]): string =>
  toAssignedName(inputs.map((input) => toAssignment(input).assignment));

const toStratum = ({ attributes = {} }: ExperimentInput) => JSON.stringify(Object.values(attributes));
const toShare = (share: number) => `${Number((100 * share).toPrecision(4))} %`;
