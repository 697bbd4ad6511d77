import { equals } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import {
  type Conclusion,
  ConclusionSchema,
  type Experiment,
  ExperimentState,
} from "../../gen/intervention/v1/experiment_pb.js";
import { NotAllowedNow } from "../domain/errors.ts";
import { applyTreatments } from "../domain/experiment/apply-treatment.ts";
import { moveExperiment } from "../domain/experiment/experiment-moves.ts";
import { CampaignKeeper } from "./campaign-keeper.ts";
import type { ExperimentKeeper, ExperimentKeeperParts } from "./experiment-keeper.ts";

/** Stops an experiment with a decision; what is shipped becomes its campaigns' own. Safe to repeat.
 *  @param conclusion ships a variant of the experiment, or none.
 *  @throws NotFound; NotAllowedNow when it can't be stopped, or was stopped with another decision. */
export function concludeExperiment(
  parts: ExperimentKeeperParts & { readonly keeper: ExperimentKeeper },
  { workspaceId, experimentId }: { readonly workspaceId: string; readonly experimentId: string },
  conclusion: Conclusion,
): Promise<Experiment> {
  return parts.keeper.change(workspaceId, experimentId, "", async (experiment) => {
    const moved = moveExperiment(experiment.state, "stop");
    if (moved.kind === "refused") throw new NotAllowedNow("EXPERIMENT_STATE", experimentId, moved.reason);
    if (experiment.state === ExperimentState.STOPPED) return requireSame(experiment, conclusion);
    // Before the end, so that nobody gets again what was before: whoever dies in between stops it once more.
    await ship(new CampaignKeeper(parts), workspaceId, experiment, conclusion);
    Object.assign(experiment, { state: moved.to, conclusion, stopTime: timestampFromDate(parts.now()) });
  });
}

function requireSame({ experimentId, conclusion }: Experiment, wanted: Conclusion): void {
  if (conclusion !== undefined && equals(ConclusionSchema, conclusion, wanted)) return;
  throw new NotAllowedNow("EXPERIMENT_STATE", experimentId, "the experiment was stopped with another conclusion");
}

/** Makes a variant's treatment the campaigns' own. */
async function ship(
  keeper: CampaignKeeper,
  workspaceId: string,
  { campaigns, variants }: Experiment,
  { decision }: Conclusion,
): Promise<void> {
  const shipped = variants.filter(({ variantId }) => decision.case === "shipVariant" && variantId === decision.value);
  if (shipped.every(({ treatment }) => treatment === undefined)) return;
  for (const id of campaigns)
    await keeper.change(workspaceId, id, "", (campaign) => {
      if (campaign.state === CampaignState.ARCHIVED) return;
      const { content, template, policy } = applyTreatments(campaign, shipped);
      Object.assign(campaign, { content, template, policy });
    });
}
