import { create } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { ConclusionSchema, type Experiment, ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import { decidePromotion } from "../domain/experiment/decide-promotion.ts";
import { toReport } from "../domain/experiment/to-report.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { concludeExperiment } from "../integrations/conclude-experiment.ts";
import type { ExperimentDirectory } from "../integrations/experiment-directory.ts";
import { ExperimentKeeper, type ExperimentKeeperParts } from "../integrations/experiment-keeper.ts";
import { collectSums } from "../integrations/experiment-sums.ts";
import { claimLease, hasExperimentLook, insertExperimentLook } from "../store/index.ts";

/** What ending experiments stands on. */
export type PromotionOptions = ExperimentKeeperParts & {
  readonly experiments: Pick<ExperimentDirectory, "listRunning">;
  readonly log: Logger;
  readonly holder: string;
};

/** A look at a million users takes a minute. */
const LEASE_MS = 600_000;

/** Looks once an hour at each running experiment that ends by itself, writes down what it decides, and does it. Any number may do this:
 *  of each workspace one takes care. Whoever dies between the word and the deed leaves both to the next hour. */
export async function promoteAll(
  options: PromotionOptions,
  workspaces: readonly Pick<Workspace, "id">[],
): Promise<void> {
  const { experiments, holder, now, store } = options;
  for (const { id } of workspaces) {
    const own = experiments.listRunning(id).filter(({ autoPromotion }) => autoPromotion !== undefined);
    if (own.length === 0) continue;
    const at = now();
    const until = new Date(at.getTime() + LEASE_MS);
    if (!(await claimLease(store, `promotions/${id}`, { holder, now: at, until }))) continue;
    for (const experiment of own) await promote(options, id, experiment);
  }
}

async function promote(options: PromotionOptions, workspaceId: string, experiment: Experiment): Promise<void> {
  const { log, now, store } = options;
  const { experimentId } = experiment;
  const of = { workspaceId, experimentId };
  const at = now();
  if (await hasExperimentLook(store, of, at)) return;
  const report = toReport(experiment, await collectSums(store, { workspaceId, experiment }, at));
  const promotion = decidePromotion(experiment, report, at.getTime());
  if (!(await insertExperimentLook(store, { ...of, at, ...promotion }))) return;
  if (promotion.action === "wait") return;
  const keeper = new ExperimentKeeper(options);
  if (promotion.action === "pause")
    await keeper.change(workspaceId, experimentId, "", (current) => {
      if (current.state === ExperimentState.RUNNING) current.state = ExperimentState.PAUSED;
    });
  else
    await concludeExperiment(
      { ...options, keeper },
      of,
      create(ConclusionSchema, {
        decision: { case: "shipVariant", value: promotion.variant },
        reason: promotion.reason.slice(0, REASON_MAX),
      }),
    );
  log.info(
    { event: "experiment_ended", experiment: experimentId, action: promotion.action },
    "an experiment was ended by its own rules",
  );
}

/** As a caller's. */
const REASON_MAX = 1_000;
