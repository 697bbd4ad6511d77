import type { Store } from "./connect-store.ts";
import { experimentKey } from "./experiments.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { toPlace, toPlaceRange } from "./places.ts";

/** That a user came into an experiment: the first time only. Holdouts too, who got nothing. */
export type ExposureDocument = {
  /** `{workspace}/{experiment}/{user}`, the latter escaped. */
  readonly _id: string;
  readonly workspaceId: string;
  /** The surviving id at that time. */
  readonly userId: string;
  /** `experimentKey`. */
  readonly experiment: string;
  readonly variant: string;
  readonly at: Date;
  /** The values of the attributes that the experiment stratifies by, as a JSON list. */
  readonly stratum: string;
  /** Where everybody is walked through, see `toPlace`. */
  readonly place: string;
};

export const exposureIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
  // Everybody in an experiment, page by page.
  { name: "by_place", key: { experiment: 1, place: 1 } },
] as const satisfies readonly IndexDefinition[];

/** An exposure with what it is found by. */
export const toExposure = (
  given: Pick<ExposureDocument, "workspaceId" | "userId" | "variant" | "at" | "stratum"> & {
    readonly experimentId: string;
  },
): ExposureDocument => {
  const { experimentId, ...exposure } = given;
  const experiment = experimentKey(given.workspaceId, experimentId);
  return { ...exposure, _id: toId(experiment, given.userId), experiment, place: toPlace(given.userId) };
};

const toId = (experiment: string, userId: string) => `${experiment}/${encodeURIComponent(userId)}`;

/** Records those that are new: the first stands. */
export async function insertExposures(store: Store, exposures: readonly ExposureDocument[]): Promise<void> {
  await insertNew(store.exposures, exposures);
}

/** What these users have had in these experiments so far; by `experimentKey` and user id. */
export async function findExposures(
  store: Store,
  keys: readonly { readonly experiment: string; readonly userId: string }[],
): Promise<ExposureDocument[]> {
  const ids = [...new Set(keys.map(({ experiment, userId }) => toId(experiment, userId)))];
  return onStore(() => store.exposures.find({ _id: { $in: ids } }).toArray());
}

/** Those in an experiment whose places are in [from, until), in no order, at most one more than `limit`. */
export function listExposures(
  store: Store,
  options: {
    readonly experiment: string;
    readonly from: number;
    readonly until: number;
    readonly limit: number;
  },
): Promise<ExposureDocument[]> {
  const { experiment, from, until, limit } = options;
  return onStore(() =>
    store.exposures
      .find({ experiment, place: toPlaceRange(from, until) })
      .limit(limit + 1)
      .toArray(),
  );
}
