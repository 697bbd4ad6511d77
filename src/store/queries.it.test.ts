import { describe, expect, inject, it } from "vitest";
import { PERSONAL_COLLECTIONS } from "../privacy/collections.ts";
import { sweepRetention } from "../privacy/sweep-retention.ts";
import { fillCollections } from "../privacy/testing/fill-user.ts";
import { startParts } from "../testing/parts.ts";
import { COLLECTIONS, type Store } from "./connect-store.ts";
import { setRetention } from "./index.ts";
import { explainQuery, hearQueries } from "./testing/explain-query.ts";
import { STORE_CALLS } from "./testing/store-calls.ts";

/** What is read whole on purpose: a few settings that every process keeps in memory. */
const READ_WHOLE = new Set(["api_keys [{},{}]", "workspaces [{},{}]"]);
const ADA = { workspaceId: "main", userId: "ada", marker: "umbrella" };

async function drain(answer: Promise<unknown> | AsyncIterable<unknown>): Promise<void> {
  if (!(Symbol.asyncIterator in answer)) return void (await answer);
  for await (const _ of answer);
}

/** What those ask who look for a user, or for what is kept no longer. */
async function askForPrivacy(store: Store): Promise<void> {
  for (const [, { pages, retention }] of PERSONAL_COLLECTIONS) {
    await drain(pages(store, ADA));
    if (retention !== undefined) await setRetention(store, { workspaceId: "main", kind: retention.kind, days: 1 });
  }
  await sweepRetention({ store }, { id: "main", createdAt: new Date(Date.now() - 3 * 86_400_000) }, new Date());
}

describe("every query of the store", () => {
  it("is served by an index, and every index serves a query", async () => {
    const url = new URL(inject("mongodbUrl"));
    url.searchParams.set("monitorCommands", "true");
    await using parts = await startParts({ MONGODB_URL: url.href });
    const { store } = parts;
    await fillCollections(parts, ADA);
    const heard = hearQueries(store.db.client);
    for (const call of Object.values(STORE_CALLS).flat()) await drain(call(store));
    await askForPrivacy(store);
    heard.stop();

    const used = new Set<string>();
    const scans = new Map<string, string>();
    for (const query of heard.queries.values()) {
      const { indexes, isScan, plan } = await explainQuery(store.db, query);
      for (const index of indexes) used.add(`${query.collection}.${index}`);
      if (isScan || indexes.length === 0) scans.set(query.shape, plan);
    }
    expect(new Set(scans.keys()), JSON.stringify([...scans])).toEqual(READ_WHOLE);
    const idle = Object.values(COLLECTIONS).flatMap(({ name, indexes }) =>
      indexes
        // These are there for what they forbid or remove.
        .filter(({ unique, expireAfterSeconds }) => unique !== true && expireAfterSeconds === undefined)
        .flatMap((index) => (used.has(`${name}.${index.name}`) ? [] : `${name}.${index.name}`)),
    );
    expect(idle).toEqual([]);
  });
});
