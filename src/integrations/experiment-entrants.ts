import {
  type ExposureDocument,
  experimentKey,
  listExposures,
  PLACES,
  readPlaces,
  SPAN_FIRST,
  type Store,
  streamProfileMerges,
} from "../store/index.ts";

/** Somebody who came into an experiment. */
export type Entrant = {
  /** Every id he goes by. */
  readonly userIds: readonly string[];
  readonly variant: string;
  readonly stratum: string;
  /** When he came in first, under any of his ids; ms since 1970. */
  readonly atMs: number;
  /** Whether he has had several variants, by ids that were only merged later. */
  readonly hasCrossed: boolean;
};

/** Which ids are one user. */
export type Merges = {
  /** The surviving id of an id that was merged; undefined for others. */
  readonly survivorOf: (userId: string) => string | undefined;
  /** Every id of a surviving one. */
  readonly idsOf: (survivor: string) => readonly string[];
};

const PAGE = 1_000;
/** A merge joins two users who are not merged yet: chains are far shorter. */
const CHAIN_MAX = 64;

/** A workspace's merges, chains followed. */
export async function loadMerges(store: Store, workspaceId: string): Promise<Merges> {
  const intoOf = new Map<string, string>();
  for await (const { from, into } of streamProfileMerges(store, workspaceId)) intoOf.set(from, into);
  const follow = (userId: string): string => {
    let survivor = userId;
    for (let step = 0; step < CHAIN_MAX; step += 1) {
      const next = intoOf.get(survivor);
      if (next === undefined) return survivor;
      survivor = next;
    }
    return survivor;
  };
  const ids = new Map<string, string[]>();
  for (const from of intoOf.keys()) {
    const survivor = follow(from);
    ids.set(survivor, [...(ids.get(survivor) ?? [survivor]), from]);
  }
  return {
    survivorOf: (userId) => (intoOf.has(userId) ? follow(userId) : ids.has(userId) ? userId : undefined),
    idsOf: (survivor) => ids.get(survivor) ?? [survivor],
  };
}

/** Everybody who came into an experiment, once each, a page after another and in no order; those with merged ids come last. */
export async function* walkEntrants(
  store: Store,
  { workspaceId, experimentId }: { readonly workspaceId: string; readonly experimentId: string },
  merges: Merges,
): AsyncGenerator<readonly Entrant[]> {
  const experiment = experimentKey(workspaceId, experimentId);
  const merged = new Map<string, ExposureDocument[]>();
  for (let from = 0, span = SPAN_FIRST; from < PLACES; ) {
    const page = await readPlaces({
      ...{ from, span, pageMax: PAGE },
      find: (range) => listExposures(store, { experiment, ...range }),
    });
    ({ until: from, span } = page);
    const entrants: Entrant[] = [];
    for (const exposure of page.found) {
      const survivor = merges.survivorOf(exposure.userId);
      if (survivor === undefined) entrants.push(toEntrant([exposure], [exposure.userId]));
      else merged.set(survivor, [...(merged.get(survivor) ?? []), exposure]);
    }
    if (entrants.length > 0) yield entrants;
  }
  const known = [...merged];
  for (let first = 0; first < known.length; first += PAGE)
    yield known.slice(first, first + PAGE).map(([survivor, exposures]) => toEntrant(exposures, merges.idsOf(survivor)));
}

function toEntrant(exposures: readonly ExposureDocument[], userIds: readonly string[]): Entrant {
  const [first, ...others] = exposures.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  return {
    ...{ userIds, variant: first?.variant ?? "", stratum: first?.stratum ?? "", atMs: first?.at.getTime() ?? 0 },
    hasCrossed: others.some(({ variant }) => variant !== first?.variant),
  };
}
