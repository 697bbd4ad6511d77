import { clone, create, equals } from "@bufbuild/protobuf";
import { type Experiment, ExperimentSchema, ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import { InvalidInput, NotAllowedNow } from "../domain/errors.ts";
import type { ExperimentFields } from "../integrations/experiment-keeper.ts";
import { show } from "./field-checks.ts";
import { parseExperiment } from "./parse-experiment.ts";

/** By their names in the proto. */
const SETTABLE = {
  display_name: "displayName",
  campaigns: "campaigns",
  all_campaigns: "allCampaigns",
  variants: "variants",
  control: "control",
  salt: "salt",
  traffic: "traffic",
  layer: "layer",
  stratify_by: "stratifyBy",
  goals: "goals",
  guardrails: "guardrails",
  method: "method",
  planned_users: "plannedUsers",
  auto_promotion: "autoPromotion",
  adaptive: "adaptive",
} as const satisfies Record<string, keyof ExperimentFields>;

/** What does not move users and does not change the question. */
const FREE: readonly string[] = ["display_name", "traffic", "auto_promotion"];

type Path = keyof typeof SETTABLE;
const PATHS = Object.keys(SETTABLE).filter(isSettable);
function isSettable(path: string): path is Path {
  return Object.hasOwn(SETTABLE, path);
}

/** What an experiment becomes when the fields of these paths are taken from another; no path means all of them. A field that is
 *  absent there is cleared.
 *  @returns every field that a caller sets, by its name; what is absent is there as undefined.
 *  @throws InvalidInput naming every bad path and field; NotAllowedNow for what may not change any more. */
export function applyExperimentMask(
  current: Experiment,
  wanted: Experiment,
  paths: readonly string[],
): Record<string, unknown> {
  const bad = paths.filter((path) => !isSettable(path));
  if (bad.length > 0)
    throw new InvalidInput(
      bad.map((path) => ({ field: "update_mask", description: `${show(path)} is not one of ${PATHS.join(", ")}` })),
    );
  const mixed = clone(ExperimentSchema, current);
  for (const path of paths.length === 0 ? PATHS : paths.filter(isSettable))
    Object.assign(mixed, { [SETTABLE[path]]: wanted[SETTABLE[path]] });
  const fields = parseExperiment(mixed);
  fields.salt ||= current.experimentId;
  requireAllowed(current, fields);
  return Object.fromEntries(PATHS.map((path) => [SETTABLE[path], fields[SETTABLE[path]]]));
}

function requireAllowed(current: Experiment, next: ExperimentFields): void {
  if (current.state === ExperimentState.DRAFT) return;
  const { experimentId: id } = current;
  const fixed = PATHS.filter((path) => !FREE.includes(path) && !isSame(current, next, SETTABLE[path]));
  if (fixed.length > 0)
    throw new NotAllowedNow(
      "EXPERIMENT_STARTED",
      id,
      `${fixed.join(", ")} can't change once the experiment has started: make another one`,
    );
  if ((next.traffic ?? 1) < (current.traffic ?? 1))
    throw new NotAllowedNow(
      "EXPERIMENT_STARTED",
      id,
      `traffic can only rise once the experiment has started, and ${next.traffic} is less than ${current.traffic}`,
    );
}

const isSame = (one: ExperimentFields, other: ExperimentFields, name: (typeof SETTABLE)[Path]) =>
  equals(ExperimentSchema, alone(one, name), alone(other, name));

const alone = (fields: ExperimentFields, name: (typeof SETTABLE)[Path]) =>
  create(ExperimentSchema, { [name]: fields[name] });
