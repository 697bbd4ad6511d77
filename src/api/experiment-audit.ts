import { toJson } from "@bufbuild/protobuf";
import { type Experiment, ExperimentSchema } from "../../gen/intervention/v1/experiment_pb.js";
import type { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import type { Workspace } from "../integrations/access-directory.ts";
import { findExperiment, type Store } from "../store/index.ts";
import type { AuditTable } from "./audit-changes.ts";
import { parseExperimentName } from "./experiment-name.ts";

/** What the log says of changes to experiments. */
export function experimentAudit(store: Store): AuditTable<typeof ExperimentService> {
  type Answer = { readonly experiment?: Experiment | undefined };
  const find = async (experimentId: string, workspace: Workspace) => {
    const found = await findExperiment(store, { workspaceId: workspace.id, experimentId });
    return found === undefined ? undefined : toJson(ExperimentSchema, found);
  };
  const said = {
    resource: (_: unknown, { experiment }: Answer) => `experiments/${experiment?.experimentId ?? ""}`,
    after: ({ experiment }: Answer) => (experiment === undefined ? undefined : toJson(ExperimentSchema, experiment)),
  };
  const move = {
    ...said,
    before: ({ name }: { readonly name: string }, workspace: Workspace) =>
      find(parseExperimentName(name, workspace.id), workspace),
  };
  return {
    createExperiment: said,
    updateExperiment: {
      ...said,
      before: ({ experiment }, workspace) =>
        find(parseExperimentName(experiment?.name ?? "", workspace.id, "experiment.name"), workspace),
    },
    startExperiment: move,
    pauseExperiment: move,
    resumeExperiment: move,
    stopExperiment: move,
    archiveExperiment: move,
  };
}
