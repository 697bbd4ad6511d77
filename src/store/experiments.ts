import { randomUUID } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type Experiment, ExperimentSchema } from "../../gen/intervention/v1/experiment_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One experiment as it is now. */
export type ExperimentDocument = {
  /** `experimentKey`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly experimentId: string;
  /** `toPosition` of the time it was made and its id: what lists are ordered by. */
  readonly position: string;
  readonly updatedAt: Date;
  /** Another one with each change. */
  readonly etag: string;
  /** Experiment, without its etag. */
  readonly experiment: Binary;
};

export const experimentIndexes = [
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
  // What has changed lately, for those who keep experiments in memory.
  { name: "by_change", key: { updatedAt: 1 } },
] as const satisfies readonly IndexDefinition[];

export const experimentKey = (workspaceId: string, experimentId: string) => `${workspaceId}/${experimentId}`;

/** Reads the body back, with its etag. */
export function toExperiment({ experiment, etag }: Pick<ExperimentDocument, "experiment" | "etag">): Experiment {
  const message = fromBinary(ExperimentSchema, experiment.value());
  message.etag = etag;
  return message;
}

const toBody = (experiment: Experiment) =>
  new Binary(toBinary(ExperimentSchema, create(ExperimentSchema, { ...experiment, etag: "" })));

type Key = { readonly workspaceId: string; readonly experimentId: string };
type Given = { readonly workspaceId: string; readonly experiment: Experiment; readonly updatedAt: Date };

/** Makes an experiment.
 *  @returns false when its id is taken. */
export async function insertExperiment(
  store: Store,
  { experiment, ...document }: Given & { readonly position: string },
): Promise<boolean> {
  const { experimentId } = experiment;
  const _id = experimentKey(document.workspaceId, experimentId);
  const inserted = { ...document, _id, experimentId, etag: randomUUID(), experiment: toBody(experiment) };
  return (await insertNew(store.experiments, [inserted])).length === 0;
}

export async function findExperiment(
  store: Store,
  { workspaceId, experimentId }: Key,
): Promise<Experiment | undefined> {
  const found = await onStore(() => store.experiments.findOne({ _id: experimentKey(workspaceId, experimentId) }));
  return found === null ? undefined : toExperiment(found);
}

/** Puts an experiment in the place of the one with its etag.
 *  @returns undefined when someone was first. */
export async function replaceExperiment(
  store: Store,
  { workspaceId, experiment, updatedAt }: Given,
): Promise<Experiment | undefined> {
  const etag = randomUUID();
  // The condition stands in the update, not in the filter: see `saveShopper`.
  const set = <T>(value: T, field: string) => ({
    $cond: [{ $eq: ["$etag", experiment.etag] }, { $literal: value }, `$${field}`],
  });
  const fields = { experiment: toBody(experiment), updatedAt, etag };
  const update = [
    { $set: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, set(value, name)])) },
  ];
  const _id = experimentKey(workspaceId, experiment.experimentId);
  const found = await onStore(() => store.experiments.findOneAndUpdate({ _id }, update, { returnDocument: "after" }));
  return found?.etag === etag ? toExperiment(found) : undefined;
}

/** A page, newest first. A workspace's experiments are few enough to be sorted. */
export function listExperiments(
  store: Store,
  options: { readonly workspaceId: string; readonly before?: string; readonly limit: number },
): Promise<ExperimentDocument[]> {
  // Positions begin with a digit.
  const filter = { workspaceId: options.workspaceId, position: { $lt: options.before ?? ":" } };
  return onStore(() => store.experiments.find(filter).sort({ position: -1 }).limit(options.limit).toArray());
}

const CHANGED_MAX = 100_000;

/** Every workspace's experiments that were changed since a time. */
export function listExperimentsChanged(store: Store, since: Date): Promise<ExperimentDocument[]> {
  return onStore(() =>
    store.experiments
      .find({ updatedAt: { $gte: since } })
      .limit(CHANGED_MAX)
      .toArray(),
  );
}
