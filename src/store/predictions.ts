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

/** Whether a newer one of this user and kind is known. */
export async function hasNewerPrediction(store: Store, whose: Whose & { readonly than: Date }): Promise<boolean> {
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
