import { fromBinary } from "@bufbuild/protobuf";
import type { Binary } from "mongodb";
import { type Prediction, PredictionSchema } from "../../gen/intervention/v1/shopper_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { type Conflict, insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One prediction, never changed. What is here has had its effect. */
export type PredictionDocument = {
  /** `{workspace}/{prediction}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** PredictionKind's number. */
  readonly kind: number;
  readonly predictedAt: Date;
  readonly receivedAt: Date;
  /** Prediction. */
  readonly prediction: Binary;
};

/** Long enough for a quarter's churn to show; then the server removes them. */
const KEPT_S = 180 * 86_400;

export const predictionIndexes = [
  // Is there a newer one? Which is the newest?
  { name: "by_user", key: { workspaceId: 1, userId: 1, kind: 1, predictedAt: -1 } },
  // The walk that looks for what came of them.
  { name: "by_time", key: { workspaceId: 1, kind: 1, predictedAt: 1 } },
  { name: "retention", key: { receivedAt: 1 }, expireAfterSeconds: KEPT_S },
] as const satisfies readonly IndexDefinition[];

export const predictionDocumentId = (workspaceId: string, predictionId: string) => `${workspaceId}/${predictionId}`;

export const toPrediction = (document: Pick<PredictionDocument, "prediction">): Prediction =>
  fromBinary(PredictionSchema, document.prediction.value());

/** Those of the ids that are known. */
export async function findKnownPredictions(store: Store, ids: readonly string[]): Promise<Set<string>> {
  const found = await onStore(() =>
    store.predictions.find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } }).toArray(),
  );
  return new Set(found.map(({ _id }) => _id));
}

type Whose = { readonly workspaceId: string; readonly userId: string; readonly kind: number };

/** Fewer than this are looked up one by one. */
const RANGE_MIN = 10;
/** What is read in one go at most; predictions that come late have many newer ones. */
const RANGE_READ_MAX = 2_000;

/** For each of these, whether a newer one of its user and kind is known. Those of one kind that are new to all are told by one read:
 *  of what was made since the oldest of them. */
export async function findWithNewer<T extends Whose & { readonly than: Date }>(
  store: Store,
  all: readonly T[],
): Promise<Set<T>> {
  const groups = Map.groupBy(all, ({ workspaceId, kind }) => `${workspaceId}/${kind}`);
  const found = await Promise.all([...groups.values()].map((group) => findWithNewerOfKind(store, group)));
  return new Set(found.flat());
}

async function findWithNewerOfKind<T extends Whose & { readonly than: Date }>(
  store: Store,
  group: readonly T[],
): Promise<T[]> {
  const newest = group.length < RANGE_MIN ? undefined : await findNewestSince(store, group);
  if (newest !== undefined) return group.filter(({ userId, than }) => (newest.get(userId) ?? 0) > than.getTime());
  const answers = await Promise.all(group.map((one) => hasNewer(store, one)));
  return group.filter((_, index) => answers[index] === true);
}

/** When the newest of each user was made, ms since 1970, of those made after the oldest of a group; undefined when these are too
 *  many to read. */
async function findNewestSince(
  store: Store,
  group: readonly (Whose & { readonly than: Date })[],
): Promise<Map<string, number> | undefined> {
  const [first] = group;
  if (first === undefined) return new Map();
  const { workspaceId, kind } = first;
  const oldest = new Date(Math.min(...group.map(({ than }) => than.getTime())));
  const filter = { workspaceId, kind, predictedAt: { $gt: oldest } };
  const projection = { userId: 1, predictedAt: 1 };
  const found = await onStore(() => store.predictions.find(filter, { projection }).limit(RANGE_READ_MAX).toArray());
  if (found.length === RANGE_READ_MAX) return undefined;
  const newest = new Map<string, number>();
  for (const { userId, predictedAt } of found)
    newest.set(userId, Math.max(predictedAt.getTime(), newest.get(userId) ?? 0));
  return newest;
}

async function hasNewer(store: Store, whose: Whose & { readonly than: Date }): Promise<boolean> {
  const { workspaceId, userId, kind, than } = whose;
  const filter = { workspaceId, userId, kind, predictedAt: { $gt: than } };
  return (await onStore(() => store.predictions.findOne(filter, { projection: { _id: 1 } }))) !== null;
}

/** The first look goes back this far, each further one this many times as far. */
const LOOK_MS = 600_000;
const LOOK_FACTOR = 8;

/** The newest of a user and kind. Looks back in growing spans of time, since not every server takes an order from the index. */
export async function findNewestPrediction(
  store: Store,
  { workspaceId, userId, kind, now }: Whose & { readonly now: Date },
): Promise<Prediction | undefined> {
  // A model's clock may be ahead of ours.
  let until = now.getTime() + LOOK_MS;
  const beginning = now.getTime() - KEPT_S * 1_000;
  for (let span = 2 * LOOK_MS; until > beginning; span *= LOOK_FACTOR) {
    const from = until - span;
    const filter = { workspaceId, userId, kind, predictedAt: { $gt: new Date(from), $lte: new Date(until) } };
    const [found] = await onStore(() => store.predictions.find(filter).sort({ predictedAt: -1 }).limit(1).toArray());
    if (found !== undefined) return toPrediction(found);
    until = from;
  }
  return undefined;
}

const OF_USERS_MAX = 20_000;

/** The predictions of some users, in no order; of users with very many not all. */
export async function listPredictionsOf(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Prediction[]> {
  const filter = { workspaceId, userId: { $in: [...userIds] } };
  const found = await onStore(() => store.predictions.find(filter).limit(OF_USERS_MAX).toArray());
  return found.map(toPrediction);
}

/** Those of a kind made in [from, until), oldest first. */
export function listPredictions(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly kind: number;
    readonly from: Date;
    readonly until: Date;
    readonly limit: number;
  },
): Promise<PredictionDocument[]> {
  const { workspaceId, kind, from, until, limit } = options;
  const filter = { workspaceId, kind, predictedAt: { $gte: from, $lt: until } };
  return onStore(() => store.predictions.find(filter).sort({ predictedAt: 1 }).limit(limit).toArray());
}

/** Keeps those that are new. */
export function insertPredictions(store: Store, documents: readonly PredictionDocument[]): Promise<Conflict[]> {
  return insertNew(store.predictions, documents);
}
