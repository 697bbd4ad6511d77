import { type Collection, MongoClient } from "mongodb";
import type { Engine } from "../src/start/index.ts";
import type { EventDocument, InboxDocument } from "../src/store/index.ts";

/** The engine's collections, read past the engine: what it says about itself is compared with what is there. */
export type BenchStore = AsyncDisposable & {
  readonly events: Collection<EventDocument>;
  readonly inbox: Collection<InboxDocument>;
};

export async function openBenchStore(engine: Engine): Promise<BenchStore> {
  const client = new MongoClient(engine.servers.mongodbUrl);
  await client.connect();
  const db = client.db(engine.config.MONGODB_DATABASE);
  return {
    events: db.collection("events"),
    inbox: db.collection("inbox"),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

const idsMax = 1_000;

/** How many of the interventions have an event of this kind. By id, since events have no other index. */
export async function countEvents(store: BenchStore, kind: string, interventionIds: Iterable<string>): Promise<number> {
  const ids = [...interventionIds].map((id) => `${id}:${kind}`);
  let count = 0;
  for (let first = 0; first < ids.length; first += idsMax) {
    count += await store.events.countDocuments({ _id: { $in: ids.slice(first, first + idsMax) } });
  }
  return count;
}

/** Every intervention in an inbox, and whether it is still shown there. */
export async function listInboxIds(store: BenchStore): Promise<string[]> {
  const items = await store.inbox.find({}, { projection: { _id: 1 } }).toArray();
  return items.map(({ _id }) => _id);
}
