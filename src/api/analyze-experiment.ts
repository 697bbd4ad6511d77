import type { ServiceImpl } from "@connectrpc/connect";
import { ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import type { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { NotAllowedNow } from "../domain/errors.ts";
import { toReport } from "../domain/experiment/to-report.ts";
import type { ExperimentKeeper, ExperimentKeeperParts } from "../integrations/experiment-keeper.ts";
import { collectSums } from "../integrations/experiment-sums.ts";
import { getService } from "./authenticate.ts";
import { parseExperimentName } from "./experiment-name.ts";
import { toResults } from "./to-experiment-results.ts";

/** Says what an experiment shows. */
export function analyzeMethod({ store, now }: ExperimentKeeperParts, keeper: ExperimentKeeper) {
  const analyze: ServiceImpl<typeof ExperimentService>["analyzeExperiment"] = async ({ name }, context) => {
    const { workspace } = getService(context.values);
    const experiment = await keeper.get(workspace.id, parseExperimentName(name, workspace.id));
    if (experiment.state === ExperimentState.DRAFT)
      throw new NotAllowedNow(
        "EXPERIMENT_STATE",
        experiment.experimentId,
        "the experiment is a draft: it shows nothing",
      );
    const at = now();
    const sums = await collectSums(store, { workspaceId: workspace.id, experiment }, at);
    return { results: toResults(experiment, toReport(experiment, sums), { ...sums, at }) };
  };
  return analyze;
}
