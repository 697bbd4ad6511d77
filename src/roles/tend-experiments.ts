import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  AllocationSchema,
  ConclusionSchema,
  ContextSharesSchema,
  type Experiment,
  ExperimentState,
} from "../../gen/intervention/v1/experiment_pb.js";
import { type Allocated, decideAllocation } from "../domain/experiment/decide-allocation.ts";
import { decidePromotion, type Promotion } from "../domain/experiment/decide-promotion.ts";
import { type Report, toReport } from "../domain/experiment/to-report.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { concludeExperiment } from "../integrations/conclude-experiment.ts";
import type { ExperimentDirectory } from "../integrations/experiment-directory.ts";
import { ExperimentKeeper, type ExperimentKeeperParts } from "../integrations/experiment-keeper.ts";
import { collectSums } from "../integrations/experiment-sums.ts";
import { claimLease, hasExperimentLook, insertExperimentLook } from "../store/index.ts";

/** What looking after experiments stands on. */
export type TendExperimentsOptions = ExperimentKeeperParts & {
  readonly experiments: Pick<ExperimentDirectory, "listRunning">;
  readonly holder: string;
};

/** A look at a million users takes a minute. */
const LEASE_MS = 600_000;
/** Of a conclusion, as a caller's. */
const REASON_MAX = 1_000;

/** Looks once an hour at each running experiment that ends by itself or adapts, writes down what it decides, and does it. Any number may
 *  do this: of each workspace one takes care. Whoever dies between the word and the deed leaves both to the next hour. */
export async function tendExperiments(
  options: TendExperimentsOptions,
  workspaces: readonly Pick<Workspace, "id">[],
): Promise<void> {
  const { experiments, holder, now, store } = options;
  for (const { id } of workspaces) {
    const own = experiments
      .listRunning(id)
      .filter(({ adaptive, autoPromotion }) => adaptive !== undefined || autoPromotion !== undefined);
    if (own.length === 0) continue;
    const at = now();
    const until = new Date(at.getTime() + LEASE_MS);
    if (!(await claimLease(store, `experiments/${id}`, { holder, now: at, until }))) continue;
    for (const { experimentId } of own) await look(options, { workspaceId: id, experimentId });
  }
}

type Which = { readonly workspaceId: string; readonly experimentId: string };

async function look(options: TendExperimentsOptions, of: Which): Promise<void> {
  const { log, now, store } = options;
  const at = now();
  if (await hasExperimentLook(store, of, at)) return;
  // What is held in memory may be a moment old, and shares may have changed in it.
  const experiment = await new ExperimentKeeper(options).get(of.workspaceId, of.experimentId);
  if (experiment.state !== ExperimentState.RUNNING) return;
  const report = toReport(experiment, await collectSums(store, { workspaceId: of.workspaceId, experiment }, at));
  const decided = decide(experiment, report, at.getTime());
  const { action, reason } = decided;
  const variant = action === "ship" ? { variant: decided.variant } : {};
  if (!(await insertExperimentLook(store, { ...of, at, action, reason, ...variant }))) return;
  if (action === "wait") return;
  await carryOut(options, of, decided);
  log.info({ event: "experiment_tended", experiment: of.experimentId, action }, "an experiment went its own way");
}

/** An end comes before another share, and of two reasons to wait that of the end is told first. */
function decide(experiment: Experiment, report: Report, nowMs: number): Promotion | Allocated {
  const { adaptive, autoPromotion } = experiment;
  const promotion = autoPromotion === undefined ? undefined : decidePromotion(experiment, report, nowMs);
  if (adaptive === undefined || (promotion !== undefined && promotion.action !== "wait"))
    return promotion ?? { action: "wait", reason: "" };
  const allocated = decideAllocation(experiment, report, nowMs);
  if (allocated.action === "allocate" || promotion === undefined) return allocated;
  return { action: "wait", reason: `${promotion.reason} Shares: ${allocated.reason}` };
}

async function carryOut(
  options: TendExperimentsOptions,
  of: Which,
  decided: Exclude<Promotion | Allocated, { readonly action: "wait" }>,
): Promise<void> {
  const keeper = new ExperimentKeeper(options);
  if (decided.action === "ship") {
    const decision = { case: "shipVariant", value: decided.variant } as const;
    const conclusion = create(ConclusionSchema, { decision, reason: decided.reason.slice(0, REASON_MAX) });
    await concludeExperiment({ ...options, keeper }, of, conclusion);
    return;
  }
  await keeper.change(of.workspaceId, of.experimentId, "", (current) => {
    // Somebody may have stopped it in the meantime.
    if (current.state !== ExperimentState.RUNNING) return;
    if (decided.action === "pause") current.state = ExperimentState.PAUSED;
    else
      current.allocations.push(
        create(AllocationSchema, {
          startTime: timestampFromDate(options.now()),
          shares: [...decided.shares],
          contexts: decided.contexts.map(({ context, shares }) =>
            create(ContextSharesSchema, { context, shares: [...shares] }),
          ),
        }),
      );
  });
}
