import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileRule, type ShopperFacts, toFactIndex, toFactKeys } from "../domain/segment/index.ts";
import { findNamed, NOW_MS, someFacts, someRule } from "../domain/segment/testing/arbitrary.ts";
import { startParts } from "../testing/parts.ts";
import { countShoppers, profileId, type Store, sampleShoppers, saveShoppers, toPlace } from "./index.ts";

const SHOPPERS = 200;
const RULES = 600;

describe("segments in the store", () => {
  let parts: Awaited<ReturnType<typeof startParts>>;
  let store: Store;
  const known = new Map<string, ShopperFacts>();
  beforeAll(async () => {
    parts = await startParts();
    store = parts.store;
    const seed = Number(process.env.SEED ?? 7);
    for (const [n, facts] of fc.sample(someFacts, { numRuns: SHOPPERS, seed }).entries()) known.set(`u${n}`, facts);
    await saveShoppers(
      store,
      [...known].map(([userId, facts]) => toDocument(userId, facts)),
    );
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  const toDocument = (userId: string, facts: ShopperFacts, workspaceId = "main") => ({
    ...facts,
    ...{ _id: profileId(workspaceId, userId), workspaceId, userId, place: toPlace(userId), revision: 1 },
    ...{ keys: toFactKeys(facts), memberships: [] },
  });

  it("a rule finds the same shoppers by its query as by its predicate, and so does its opposite", async () => {
    await fc.assert(
      fc.asyncProperty(someRule, async (rule) => {
        const node = compileRule(rule, { find: findNamed });
        for (const [wanted, filter] of [
          [true, node.whenTrue(NOW_MS)],
          [false, node.whenFalse(NOW_MS)],
        ] as const) {
          const expected = [...known].filter(([, facts]) => node.test(toFactIndex(facts), NOW_MS) === wanted);
          const found = await sampleShoppers(store, { workspaceId: "main", filter }, SHOPPERS + 1);
          expect(new Set(found)).toEqual(new Set(expected.map(([userId]) => userId)));
        }
      }),
      { numRuns: RULES },
    );
  });

  it("a key finds whom its rule finds, alone or with the rest of the rule", async () => {
    await fc.assert(
      fc.asyncProperty(someRule, async (rule) => {
        const node = compileRule(rule, { find: findNamed });
        if (node.key === undefined) return;
        const filter = node.whenTrue(NOW_MS);
        const expected = await countShoppers(store, { workspaceId: "main", filter });
        expect(await countShoppers(store, { workspaceId: "main", key: node.key, filter })).toBe(expected);
        if (node.isKeyEnough === true)
          expect(await countShoppers(store, { workspaceId: "main", key: node.key })).toBe(expected);
      }),
      { numRuns: RULES },
    );
  });

  it("is saved over the revision before alone, and says whose was lost", async () => {
    const facts: ShopperFacts = { facts: [], activity: [], foresight: [], lists: [] };
    const [ada, bob] = ["ada", "bob"].map((userId) => toDocument(userId, facts, "other"));
    if (ada === undefined || bob === undefined) throw new Error("both are made");
    expect(await saveShoppers(store, [ada])).toEqual(new Set());
    expect(await saveShoppers(store, [ada, bob])).toEqual(new Set([ada._id]));
    const [first, second] = ["x", "y"].map((key) => ({ ...ada, revision: 2, keys: [key] }));
    const next = { ...bob, revision: 2 };
    if (first === undefined || second === undefined) throw new Error("both are made");
    expect(await saveShoppers(store, [first, next])).toEqual(new Set());
    expect(await saveShoppers(store, [second, { ...next, revision: 3 }])).toEqual(new Set([ada._id]));
    expect(await sampleShoppers(store, { workspaceId: "other", key: "x" }, 2)).toEqual(["ada"]);
  });
});
