import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { COLLECTIONS } from "./connect-store.ts";

const DAY_S = 86_400;
const ROW = /^\| `(\w+)`\s*\|(.*?)\|(.*?)\|(.*?)\|$/;

/** The table of the README, by collection. */
function readTable() {
  const text = readFileSync(new URL("./README.md", import.meta.url), "utf8");
  return text.split("\n").flatMap((line) => {
    const [, name, indexes = "", kept = "", shardKey = ""] = ROW.exec(line) ?? [];
    if (name === undefined) return [];
    const served = indexes.split("<br>").map((one) => /^\s*`(\w+)` (.+)$/.exec(one));
    const names = served.flatMap((one) => one?.[1] ?? []);
    return [{ name, indexes: names, kept: kept.trim(), shardKey: shardKey.trim() }];
  });
}

describe("the table of collections", () => {
  const table = readTable();

  it("has each collection once, in the order of the code", () => {
    expect(table.map(({ name }) => name)).toEqual(Object.values(COLLECTIONS).map(({ name }) => name));
  });

  it.each(Object.values(COLLECTIONS))(
    "has the indexes of $name, what each is for, how long it is kept and how it is sharded",
    ({ name, indexes }) => {
      const row = table.find((one) => one.name === name);
      expect(row?.indexes).toEqual(indexes.map((index) => index.name));
      expect(row?.shardKey).not.toBe("");
      expect(row?.kept).not.toBe("");
      for (const { expireAfterSeconds, key } of indexes)
        if (expireAfterSeconds !== undefined) {
          const [field] = Object.keys(key);
          const told = expireAfterSeconds === 0 ? `until \`${field}\`` : `${expireAfterSeconds / DAY_S} days`;
          expect(row?.kept, `${name} expires by ${field}`).toContain(told);
        }
    },
  );
});
