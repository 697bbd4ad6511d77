import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  ExperimentLook_Action,
  ExperimentLookSchema,
  type ExperimentService,
} from "../../gen/intervention/v1/experiment_service_pb.js";
import type { ExperimentKeeper, ExperimentKeeperParts } from "../integrations/experiment-keeper.ts";
import { listExperimentLooks } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { parseExperimentName } from "./experiment-name.ts";

const BACK_MS = 30 * 86_400_000;
const ACTIONS = {
  wait: ExperimentLook_Action.WAIT,
  pause: ExperimentLook_Action.PAUSE,
  ship: ExperimentLook_Action.SHIP,
  allocate: ExperimentLook_Action.ALLOCATE,
} as const;

/** Tells what the engine has decided of an experiment by itself. */
export function looksMethod({ store, now }: ExperimentKeeperParts, keeper: ExperimentKeeper) {
  const list: ServiceImpl<typeof ExperimentService>["listExperimentLooks"] = async ({ name }, context) => {
    const { workspace } = getService(context.values);
    const { experimentId } = await keeper.get(workspace.id, parseExperimentName(name, workspace.id));
    const since = new Date(now().getTime() - BACK_MS);
    const found = await listExperimentLooks(store, { workspaceId: workspace.id, experimentId }, since);
    return {
      looks: found.map(({ action, at, reason, variant = "" }) =>
        create(ExperimentLookSchema, {
          ...{ lookTime: timestampFromDate(at), action: ACTIONS[action], variantId: variant, reason },
        }),
      ),
    };
  };
  return list;
}
