import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import {
  type Conclusion,
  ConclusionSchema,
  type Experiment,
  ExperimentState,
} from "../../gen/intervention/v1/experiment_pb.js";
import type { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { InvalidInput, NotAllowedNow } from "../domain/errors.ts";
import { type ExperimentMove, moveExperiment } from "../domain/experiment/experiment-moves.ts";
import { findConflict } from "../domain/experiment/find-conflict.ts";
import { concludeExperiment } from "../integrations/conclude-experiment.ts";
import type { ExperimentKeeper, ExperimentKeeperParts } from "../integrations/experiment-keeper.ts";
import { campaignDocumentId, findCampaigns, toCampaign } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { parseExperimentName } from "./experiment-name.ts";
import { checked, parseFields, show, text } from "./field-checks.ts";

type Moves = "startExperiment" | "pauseExperiment" | "resumeExperiment" | "stopExperiment" | "archiveExperiment";

const conclusionSchema = z.object({ conclusion: z.object({ reason: checked(text({ max: 1_000 })) }) });

/** The methods by which an experiment goes through its life. */
export function experimentMoves(
  parts: ExperimentKeeperParts,
  keeper: ExperimentKeeper,
): Pick<ServiceImpl<typeof ExperimentService>, Moves> {
  const { now } = parts;
  const change = (
    workspaceId: string,
    name: string,
    move: ExperimentMove,
    edit: (experiment: Experiment) => void | Promise<void> = () => undefined,
  ) =>
    keeper.change(workspaceId, parseExperimentName(name, workspaceId), "", async (experiment) => {
      const moved = moveExperiment(experiment.state, move);
      if (moved.kind === "refused") throw new NotAllowedNow("EXPERIMENT_STATE", experiment.experimentId, moved.reason);
      await edit(experiment);
      experiment.state = moved.to;
    });
  const workspaceOf = (context: Parameters<typeof getService>[0]) => getService(context).workspace.id;
  return {
    async startExperiment({ name }, { values }) {
      const workspaceId = workspaceOf(values);
      const experiment = await change(workspaceId, name, "start", async (draft) => {
        if (draft.state !== ExperimentState.DRAFT) return;
        await requireCampaigns(parts, workspaceId, draft);
        const conflict = findConflict(draft, await keeper.listOpen(workspaceId));
        if (conflict !== undefined) throw new NotAllowedNow("EXPERIMENT_CONFLICT", draft.experimentId, conflict);
        draft.startTime = timestampFromDate(now());
      });
      return { experiment };
    },
    async pauseExperiment({ name }, { values }) {
      return { experiment: await change(workspaceOf(values), name, "pause") };
    },
    async resumeExperiment({ name }, { values }) {
      return { experiment: await change(workspaceOf(values), name, "resume") };
    },
    async stopExperiment({ name, conclusion: given }, { values }) {
      const workspaceId = workspaceOf(values);
      const conclusion = parseConclusion(given);
      const experimentId = parseExperimentName(name, workspaceId);
      requireShippable(await keeper.get(workspaceId, experimentId), conclusion);
      const experiment = await concludeExperiment({ ...parts, keeper }, { workspaceId, experimentId }, conclusion);
      return { experiment };
    },
    async archiveExperiment({ name }, { values }) {
      return { experiment: await change(workspaceOf(values), name, "archive") };
    },
  };
}

/** @throws NotAllowedNow when a campaign is gone, or says what no variant may say instead. */
async function requireCampaigns(
  { store }: ExperimentKeeperParts,
  workspaceId: string,
  { experimentId, campaigns, variants }: Experiment,
): Promise<void> {
  const documents = await findCampaigns(store, workspaceId, campaigns);
  const found = new Map(documents.map((document) => [document._id, toCampaign(document)]));
  const refuse = (id: string, why: string) =>
    new NotAllowedNow("EXPERIMENT_CAMPAIGN", experimentId, `campaign ${show(id)} ${why}`);
  const saysMore = variants.some(
    ({ treatment }) => treatment?.content !== undefined || treatment?.template !== undefined,
  );
  for (const id of campaigns) {
    const campaign = found.get(campaignDocumentId(workspaceId, id));
    if (campaign === undefined) throw refuse(id, "is not there");
    if (campaign.state === CampaignState.ARCHIVED) throw refuse(id, "is archived");
    if (campaign.digest !== undefined && saysMore)
      throw refuse(id, "has a digest: what was collected is in its content, so that no variant can say something else");
    if (campaign.journey !== undefined && saysMore)
      throw refuse(id, "has a journey: each of its steps says something else, and a variant would say the same in all");
  }
}

/** @throws InvalidInput */
function parseConclusion(given: Conclusion | undefined): Conclusion {
  if (given?.decision.case === undefined) {
    const description = "it says no decision; one of ship_variant, ship_none is needed";
    throw new InvalidInput([{ field: "conclusion", description }]);
  }
  const { conclusion } = parseFields(conclusionSchema, { conclusion: given });
  const { decision } = given;
  return create(ConclusionSchema, {
    reason: conclusion.reason,
    decision: decision.case === "shipNone" ? { case: "shipNone", value: true } : decision,
  });
}

function requireShippable({ variants }: Experiment, { decision }: Conclusion): void {
  if (decision.case !== "shipVariant") return;
  const variant = variants.find(({ variantId }) => variantId === decision.value);
  const refuse = (why: string) =>
    new InvalidInput([{ field: "conclusion.ship_variant", description: `${show(decision.value)} ${why}` }]);
  if (variant === undefined) throw refuse("is the id of no variant");
  if (variant.holdout) throw refuse("is a holdout: ship none, and pause the campaigns");
}
