import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** What came of one prediction, never changed. */
export type PredictionOutcomeDocument = {
  /** The prediction's. */
  readonly _id: string;
  readonly workspaceId: string;
  /** PredictionKind's number. */
  readonly kind: number;
  readonly model: string;
  readonly modelVersion: string;
  readonly predictedAt: Date;
  /** 0 to 1. */
  readonly score: number;
  readonly outcome: boolean;
  readonly fixedAt: Date;
};

/** Two years, to compare a model with the one a year before. */
const KEPT_S = 731 * 86_400;

export const predictionOutcomeIndexes = [
  { name: "by_model", key: { workspaceId: 1, kind: 1, model: 1, predictedAt: -1 } },
  { name: "retention", key: { fixedAt: 1 }, expireAfterSeconds: KEPT_S },
] as const satisfies readonly IndexDefinition[];

/** Keeps what is new. */
export async function insertPredictionOutcomes(
  store: Store,
  documents: readonly PredictionOutcomeDocument[],
): Promise<void> {
  await insertNew(store.predictionOutcomes, documents);
}

/** The outcomes of a model's predictions made in [from, until), newest first.
 *  @returns one more than `limit` when there are more. */
export function listPredictionOutcomes(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly kind: number;
    readonly model: string;
    readonly from: Date;
    readonly until: Date;
    readonly limit: number;
  },
): Promise<Pick<PredictionOutcomeDocument, "modelVersion" | "score" | "outcome">[]> {
  const { workspaceId, kind, model, from, until, limit } = options;
  const filter = { workspaceId, kind, model, predictedAt: { $gte: from, $lt: until } };
  const projection = { modelVersion: 1, score: 1, outcome: 1 };
  return onStore(() =>
    store.predictionOutcomes
      .find(filter, { projection })
      .sort({ predictedAt: -1 })
      .limit(limit + 1)
      .toArray(),
  );
}
