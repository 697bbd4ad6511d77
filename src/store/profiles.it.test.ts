import { describe, expect, it } from "vitest";
import { startParts } from "../testing/parts.ts";
import {
  findProfileOutlines,
  findProfiles,
  insertProfiles,
  listProfiles,
  mergeProfiles,
  type ProfileDocument,
  profileId,
  replaceProfile,
} from "./index.ts";

function profile(userId: string, changes: Partial<ProfileDocument> = {}): ProfileDocument {
  return {
    _id: profileId("w", userId),
    workspaceId: "w",
    userId,
    revision: 1,
    registers: "[]",
    timeZone: "",
    locale: "",
    denied: [],
    searchKeys: [],
    aliases: [],
    listedAs: userId,
    updatedAt: new Date(0),
    ...changes,
  };
}

describe("profiles in the store", () => {
  it("are replaced only by who knew the revision before", async () => {
    await using parts = await startParts();
    const { store } = parts;
    expect([...(await insertProfiles(store, [profile("ada")]))]).toEqual([]);
    expect([...(await insertProfiles(store, [profile("bob"), profile("ada")]))]).toEqual([1]);
    // A text that a server may take for an operator or a field must stay a text.
    const next = profile("ada", { revision: 2, registers: '[["attribute/$set","$revision",1,""]]', locale: "$locale" });
    expect(await replaceProfile(store, next)).toBe(true);
    expect(await replaceProfile(store, profile("ada", { revision: 2, locale: "late" }))).toBe(false);
    const raced = await Promise.all(
      Array.from({ length: 20 }, (_, n) => replaceProfile(store, profile("bob", { revision: 2, locale: `r${n}` }))),
    );
    expect(raced.filter((won) => won)).toHaveLength(1);
    expect((await findProfiles(store, [{ workspaceId: "w", userId: "ada" }])).get("w/ada")).toEqual(next);
  });

  it("are found by every id they go by, and only in their workspace", async () => {
    await using parts = await startParts();
    const { store } = parts;
    const { listedAs: _, ...merged } = profile("old");
    await insertProfiles(store, [
      { ...merged, mergedInto: "older" },
      { ...merged, _id: "w/older", userId: "older", mergedInto: "new/est" },
      profile("new/est", { timeZone: "Asia/Tokyo", aliases: ["older", "old"] }),
    ]);
    const ask = (workspaceId: string, ...userIds: string[]) =>
      findProfileOutlines(
        store,
        userIds.map((userId) => ({ workspaceId, userId })),
      );
    const found = await ask("w", "old", "older", "new/est", "nobody");
    expect([...found].map(([id, { userId }]) => [id, userId])).toEqual(
      expect.arrayContaining([
        ["w/old", "new/est"],
        ["w/older", "new/est"],
        [profileId("w", "new/est"), "new/est"],
      ]),
    );
    expect(found.size).toBe(3);
    expect((await ask("v", "old")).size).toBe(0);
    const listed = await listProfiles(store, { workspaceId: "w", by: { prefix: "" }, limit: 10 });
    expect(listed.map(({ userId }) => userId)).toEqual(["new/est"]);
  });

  it("are merged as a whole or not at all", async () => {
    await using parts = await startParts();
    const { store } = parts;
    await insertProfiles(store, [profile("a"), profile("b", { revision: 7 })]);
    const merge = (intoRevision: number) => {
      const { listedAs: _, ...from } = profile("a", { revision: 2, mergedInto: "b" });
      return mergeProfiles(store, {
        from,
        into: profile("b", { revision: intoRevision, aliases: ["a"] }),
        record: { _id: "w/a", workspaceId: "w", from: "a", into: "b", mergedAt: new Date(0), taken: [], outdated: [] },
      });
    };
    expect(await merge(7)).toBe(false);
    expect((await store.profiles.findOne({ _id: "w/a" }))?.mergedInto).toBeUndefined();
    expect(await store.profileMerges.countDocuments({})).toBe(0);
    expect(await merge(8)).toBe(true);
    expect((await store.profiles.findOne({ _id: "w/a" }))?.mergedInto).toBe("b");
    expect(await store.profileMerges.countDocuments({})).toBe(1);
  });

  it("and what belongs to them are asked for by indexes only", async () => {
    await using parts = await startParts();
    const { store } = parts;
    const range = { $gte: "a", $lt: "b" };
    const queries = {
      "by id": store.profiles.find({ _id: { $in: ["w/a", "w/b"] } }),
      "by prefix": store.profiles.find({ workspaceId: "w", listedAs: range }).sort({ listedAs: 1 }),
      "by search key": store.profiles
        .find({ workspaceId: "w", searchKeys: "email/a@x.org", listedAs: { $gte: "" } })
        .sort({ listedAs: 1 }),
      "consents of a user": store.consents.find({ workspaceId: "w", userId: "ada" }),
      "merges into a user": store.profileMerges.find({ workspaceId: "w", into: "ada" }),
    };
    for (const [name, cursor] of Object.entries(queries)) {
      const plan = JSON.stringify(await cursor.explain("queryPlanner"));
      expect(plan, name).not.toContain("COLLSCAN");
      expect(plan, name).toMatch(/IXSCAN|IDHACK|CLUSTERED_IXSCAN/);
    }
  });
});
