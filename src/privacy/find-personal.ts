import type { Document, Filter } from "mongodb";
import { decisionId, onStore, type Store } from "../store/index.ts";

/** Whose data is meant. */
export type Whose = { readonly workspaceId: string; readonly userId: string };
type Found = Document & { readonly _id: string };
export type Pages = AsyncIterable<readonly Found[]>;

const PAGE = 500;
const ROUNDS_PER_LOOK = 8;

/** By what a user's documents are found; each served by an index, or by ids. */
export type ToFilters = (whose: Whose, store: Store) => readonly Document[] | Promise<readonly Document[]>;

/** A user's documents in a collection. */
export async function* pagesOfUser(
  store: Store,
  collection: string,
  whose: Whose,
  toFilters: ToFilters = ({ workspaceId, userId }) => [{ workspaceId, userId }],
): Pages {
  for (const filter of await toFilters(whose, store)) yield* pagesOf(store, collection, filter as Filter<Found>);
}

async function* pagesOf(store: Store, collection: string, filter: Filter<Found>, projection: Document = {}): Pages {
  const cursor = store.db.collection<Found>(collection).find(filter, { projection, batchSize: PAGE });
  try {
    for (;;) {
      const page: Found[] = [];
      for (let next = await onStore(() => cursor.next()); next !== null; next = await onStore(() => cursor.next())) {
        page.push(next as Found);
        if (page.length === PAGE) break;
      }
      if (page.length > 0) yield page;
      if (page.length < PAGE) return;
    }
  } finally {
    await cursor.close();
  }
}

/** A user's documents where they are found by his interventions. */
export async function* pagesByInterventions(
  store: Store,
  { workspaceId, userId }: Whose,
  find: (interventionIds: readonly string[]) => Promise<readonly Found[]>,
): Pages {
  for await (const page of pagesOf(store, "interventions", { workspaceId, userId }, { _id: 1 })) {
    const found = await find(page.map(({ _id }) => _id));
    if (found.length > 0) yield found;
  }
}

/** What any of the filters finds. */
export async function findOfInterventions(
  store: Store,
  collection: string,
  filters: readonly Document[],
): Promise<Found[]> {
  const found = await onStore(() =>
    Promise.all(
      filters.map((filter) =>
        store.db
          .collection<Found>(collection)
          .find(filter as Filter<Found>)
          .toArray(),
      ),
    ),
  );
  return found.flat() as Found[];
}

/** Every round of the interventions: by their ids, as many as there are. */
export async function findRounds(store: Store, interventionIds: readonly string[]): Promise<Found[]> {
  const all: Found[] = [];
  let open = [...interventionIds];
  for (let first = 0; open.length > 0; first += ROUNDS_PER_LOOK) {
    const rounds = Array.from({ length: ROUNDS_PER_LOOK }, (_, i) => first + i);
    const ids = open.flatMap((id) => rounds.map((round) => decisionId(id, round)));
    const found = await findOfInterventions(store, "decisions", [{ _id: { $in: ids } }]);
    all.push(...found);
    const last = new Set(
      found.filter(({ round }) => round === first + ROUNDS_PER_LOOK - 1).map((one) => one.interventionId as string),
    );
    open = open.filter((id) => last.has(id));
  }
  return all;
}

/** Removes documents by their ids.
 *  @returns how many there were. */
export async function removeAll(
  store: Store,
  collection: string,
  found: readonly { readonly _id: string }[],
): Promise<number> {
  if (found.length === 0) return 0;
  const ids = found.map(({ _id }) => _id);
  const { deletedCount } = await onStore(() =>
    store.db.collection<Found>(collection).deleteMany({ _id: { $in: ids } }),
  );
  return deletedCount;
}
