import type { Experiment } from "../../../gen/intervention/v1/experiment_pb.js";

type Splits = Pick<Experiment, "experimentId" | "campaigns" | "allCampaigns" | "layer">;

/** Why an experiment can't run beside others: a campaign can have one content only, and what it does is told apart from what another
 *  does only where they exclude each other.
 *  @returns undefined when it can. */
export function findConflict(one: Splits, others: readonly Splits[]): string | undefined {
  for (const other of others) {
    if (other.experimentId === one.experimentId || other.allCampaigns !== one.allCampaigns) continue;
    if (one.allCampaigns) return `experiment "${other.experimentId}" splits all campaigns already`;
    const shared = one.campaigns.find((campaign) => other.campaigns.includes(campaign));
    if (shared !== undefined && !areDisjoint(one, other))
      return `campaign "${shared}" is in experiment "${other.experimentId}" already, and no layer keeps them apart`;
  }
  return undefined;
}

function areDisjoint({ layer: one }: Splits, { layer: other }: Splits): boolean {
  if (one === undefined || other === undefined || one.layer !== other.layer) return false;
  return one.until <= other.from || other.until <= one.from;
}
