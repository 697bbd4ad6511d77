import { type Collection, MongoClient } from "mongodb";
import type { Engine } from "../src/start/index.ts";
import type { EventDocument, InboxDocument, InterventionDocument, ShopEventDocument } from "../src/store/index.ts";
import { untilStill } from "./until-still.ts";

/** The engine's collections, read past the engine: what it says about itself is compared with what is there. */
export type BenchStore = AsyncDisposable & {
  readonly events: Collection<EventDocument>;
  readonly inbox: Collection<InboxDocument>;
  readonly interventions: Collection<InterventionDocument>;
  readonly shopEvents: Collection<ShopEventDocument>;
};

export async function openBenchStore(engine: Engine): Promise<BenchStore> {
  const client = new MongoClient(engine.servers.mongodbUrl);
  await client.connect();
  const db = client.db(engine.config.MONGODB_DATABASE);
  return {
    events: db.collection("events"),
    inbox: db.collection("inbox"),
    interventions: db.collection("interventions"),
    shopEvents: db.collection("shop_events"),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

const idsMax = 1_000;
const pollMs = 500;

/** Waits until each of the interventions has an event of this kind, or nothing more comes.
 *  @returns how many have one. */
export async function waitForEvents(
  store: BenchStore,
  options: { readonly kind: string; readonly interventionIds: Iterable<string>; readonly stillMsMax: number },
): Promise<number> {
  const ids = [...options.interventionIds].map((id) => `${id}:${options.kind}`);
  let missing = ids;
  await untilStill({
    stillMsMax: options.stillMsMax,
    pollMs,
    left: async () => {
      missing = await listMissing(store, missing);
      return missing.length;
    },
  });
  return ids.length - missing.length;
}

/** By id, since events have no other index. What was found is not asked for again: such questions cost the server more than the
 *  events did. */
async function listMissing(store: BenchStore, ids: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (let first = 0; first < ids.length; first += idsMax) {
    const chunk = ids.slice(first, first + idsMax);
    const found = await store.events.find({ _id: { $in: chunk } }, { projection: { _id: 1 } }).toArray();
    const known = new Set(found.map(({ _id }) => _id));
    missing.push(...chunk.filter((id) => !known.has(id)));
  }
  return missing;
}

/** Every intervention that is or was in an inbox. */
export async function listInboxIds(store: BenchStore): Promise<string[]> {
  const items = await store.inbox.find({}, { projection: { _id: 1 } }).toArray();
  return items.map(({ _id }) => _id);
}
