import type { Store } from "./connect-store.ts";
import { experimentKey } from "./experiments.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** What was decided of an experiment that ends by itself, at one look. Never changed. */
export type ExperimentLookDocument = {
  /** `{workspace}/{experiment}/{hour since 1970}`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** `experimentKey`. */
  readonly experiment: string;
  readonly at: Date;
  readonly action: "wait" | "pause" | "ship" | "allocate";
  /** What was shipped. */
  readonly variant?: string;
  readonly reason: string;
};

const HOUR_MS = 3_600_000;
/** A year of looks, then the server removes them. */
const KEPT_S = 366 * 86_400;

export const experimentLookIndexes = [
  { name: "by_experiment", key: { experiment: 1, at: 1 } },
  { name: "retention", key: { at: 1 }, expireAfterSeconds: KEPT_S },
] as const satisfies readonly IndexDefinition[];

type Of = { readonly workspaceId: string; readonly experimentId: string };

const toId = ({ workspaceId, experimentId }: Of, at: Date) =>
  `${experimentKey(workspaceId, experimentId)}/${Math.floor(at.getTime() / HOUR_MS)}`;

/** Whether it was looked at within this hour. */
export async function hasExperimentLook(store: Store, of: Of, at: Date): Promise<boolean> {
  return (await onStore(() => store.experimentLooks.findOne({ _id: toId(of, at) }))) !== null;
}

/** Writes down what was decided; within an hour the first stands.
 *  @returns false when another was first. */
export async function insertExperimentLook(
  store: Store,
  { experimentId, ...given }: Of & Pick<ExperimentLookDocument, "at" | "action" | "variant" | "reason">,
): Promise<boolean> {
  const of = { workspaceId: given.workspaceId, experimentId };
  const document = { ...given, _id: toId(of, given.at), experiment: experimentKey(given.workspaceId, experimentId) };
  return (await insertNew(store.experimentLooks, [document])).length === 0;
}

/** What was decided since a time, newest first. One an hour, so that a month of them can be sorted. */
export function listExperimentLooks(
  store: Store,
  { workspaceId, experimentId }: Of,
  since: Date,
): Promise<ExperimentLookDocument[]> {
  const filter = { experiment: experimentKey(workspaceId, experimentId), at: { $gte: since } };
  return onStore(() => store.experimentLooks.find(filter).sort({ at: -1 }).toArray());
}
