import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Experiment, ExperimentSchema } from "../../gen/intervention/v1/experiment_pb.js";
import type { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { ExperimentKeeper, type ExperimentKeeperParts } from "../integrations/experiment-keeper.ts";
import { listExperiments, type Store, toExperiment } from "../store/index.ts";
import { analyzeMethod } from "./analyze-experiment.ts";
import { getService } from "./authenticate.ts";
import { looksMethod } from "./experiment-looks.ts";
import { applyExperimentMask } from "./experiment-mask.ts";
import { experimentMoves } from "./experiment-moves.ts";
import { isExperimentId, parseExperimentName } from "./experiment-name.ts";
import { parseBoth, show } from "./field-checks.ts";
import { readNewestFirst } from "./newest-first.ts";
import { parseExperiment } from "./parse-experiment.ts";
import { planMethod } from "./plan-sample-size.ts";
import { requireParent } from "./resource-name.ts";
import { toPin } from "./template-use.ts";

const ID_BYTES = 8;

/** Makes experiments, and runs them. */
export function experimentService(parts: ExperimentKeeperParts): ServiceImpl<typeof ExperimentService> {
  const { store } = parts;
  const keeper = new ExperimentKeeper(parts);
  return {
    ...experimentMoves(parts, keeper),
    analyzeExperiment: analyzeMethod(parts, keeper),
    listExperimentLooks: looksMethod(parts, keeper),
    planSampleSize: planMethod(parts),
    async createExperiment({ parent, experimentId, experiment: given }, context) {
      const { workspace } = getService(context.values);
      requireParent(parent, workspace.id);
      const [id, fields] = parseBoth(
        () => parseId(experimentId),
        () => parseExperiment(given ?? create(ExperimentSchema)),
      );
      return { experiment: await keeper.add(workspace.id, id, await pinVariants(store, workspace.id, fields)) };
    },
    async getExperiment({ name }, context) {
      const { workspace } = getService(context.values);
      return { experiment: await keeper.get(workspace.id, parseExperimentName(name, workspace.id)) };
    },
    async listExperiments(request, context) {
      const { page, nextPageToken } = await readNewestFirst("experiments", request, context, (span) =>
        listExperiments(store, span),
      );
      return { experiments: page.map(toExperiment), nextPageToken };
    },
    async updateExperiment({ experiment: given, updateMask }, context) {
      const { workspace } = getService(context.values);
      const wanted = given ?? create(ExperimentSchema);
      const id = parseExperimentName(wanted.name, workspace.id, "experiment.name");
      const paths = updateMask?.paths ?? [];
      const areVariantsSet = paths.length === 0 || paths.includes("variants");
      const pinned = areVariantsSet ? await pinVariants(store, workspace.id, wanted) : wanted;
      const experiment = await keeper.change(workspace.id, id, wanted.etag, (current) => {
        Object.assign(current, applyExperimentMask(current, pinned, paths));
      });
      return { experiment };
    },
  };
}

function parseId(given: string): string {
  const id = given || randomBytes(ID_BYTES).toString("hex");
  if (isExperimentId(id)) return id;
  const description = `${show(id)} is not 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit`;
  throw new InvalidInput([{ field: "experiment_id", description }]);
}

/** Variants say what they say for good: each names the version that is in use now.
 *  @throws InvalidInput for a template that can't be used. */
async function pinVariants<T extends Pick<Experiment, "variants">>(
  store: Store,
  workspaceId: string,
  given: T,
): Promise<T> {
  const pin = toPin(store, workspaceId);
  const variants = await Promise.all(
    given.variants.map(async (variant, index) =>
      variant.treatment === undefined
        ? variant
        : { ...variant, treatment: await pin(variant.treatment, `experiment.variants[${index}].treatment.template`) },
    ),
  );
  return { ...given, variants };
}
