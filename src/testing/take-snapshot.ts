import { type Bus, STREAM_NAMES } from "../bus/index.ts";
import type { Store } from "../store/index.ts";

/** What changes by itself: who has a walk in hand, and when keys were used. */
const MOVING = new Set(["checkpoints", "api_keys"]);

/** Everything that is stored, and how much was ever put on each stream: two that are equal say that nothing has happened in between. */
export async function takeSnapshot({ store, bus }: { readonly store: Store; readonly bus: Bus }): Promise<string> {
  const all = await store.db.listCollections({}, { nameOnly: true }).toArray();
  const names = all
    .map(({ name }) => name)
    .filter((name) => !MOVING.has(name))
    .sort((a, b) => (a < b ? -1 : 1));
  const documents = await Promise.all(names.map((name) => store.db.collection(name).find().sort({ _id: 1 }).toArray()));
  const streams = await Promise.all(STREAM_NAMES.map((name) => bus.jsm.streams.info(bus.subjects.stream(name))));
  return JSON.stringify([names, documents, streams.map(({ state }) => state.last_seq)]);
}
