import { describe, expect, it } from "vitest";
import { addCodes, countDraws, findDraws, insertDraws, type PoolScope } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { CodeLedger } from "./code-ledger.ts";

const scope: PoolScope = { workspaceId: "w", pool: "spring" };
const now = new Date("2026-11-25T12:00:00Z");
const codes = (count: number) => Array.from({ length: count }, (_, i) => `CODE-${i}`);
const SIZE_MAX = 1_000;

describe("a pool of codes", () => {
  it("gives each of its codes once to many drawers of several processes at once, and the rest nothing", async () => {
    await using parts = await startParts();
    const { store } = parts;
    await addCodes(store, scope, codes(60), SIZE_MAX);
    const ledgers = [new CodeLedger(store), new CodeLedger(store), new CodeLedger(store)];
    const drawn = await Promise.all(
      Array.from({ length: 100 }, (_, n) => ledgers[n % ledgers.length]?.draw(scope, `i${n}`, now)),
    );
    const got = drawn.filter((code) => code !== undefined);
    expect(new Set(got)).toEqual(new Set(codes(60)));
    expect(got).toHaveLength(60);
    expect(await countDraws(store, scope)).toBe(60);
  });

  it("gives the same claim the same code, however often and in however many processes it asks, and loses none by it", async () => {
    await using parts = await startParts();
    const { store } = parts;
    await addCodes(store, scope, codes(3), SIZE_MAX);
    const drawn = await Promise.all(Array.from({ length: 20 }, () => new CodeLedger(store).draw(scope, "same", now)));
    expect(new Set(drawn).size).toBe(1);
    expect(await countDraws(store, scope)).toBe(1);
    const ledger = new CodeLedger(store);
    const others = [await ledger.draw(scope, "a", now), await ledger.draw(scope, "b", now)];
    expect(new Set([...drawn, ...others])).toEqual(new Set(codes(3)));
    expect(await ledger.draw(scope, "c", now)).toBeUndefined();
    expect(await new CodeLedger(store).draw(scope, "same", now)).toBe(drawn[0]);
  });

  it("gives out what was passed over, and what is added to it", async () => {
    await using parts = await startParts();
    const { store } = parts;
    await addCodes(store, scope, codes(9), SIZE_MAX);
    // Others have all but the 4th and the 7th.
    const taken = [1, 2, 3, 5, 6, 8, 9];
    await insertDraws(
      store,
      scope,
      taken.map((number) => ({ number, claim: `other${number}` })),
      now,
    );
    const ledger = new CodeLedger(store);
    const drawn = [await ledger.draw(scope, "a", now), await ledger.draw(scope, "b", now)];
    expect(new Set(drawn)).toEqual(new Set(["CODE-3", "CODE-6"]));
    expect(await ledger.draw(scope, "c", now)).toBeUndefined();
    await addCodes(store, scope, ["NEW"], SIZE_MAX);
    expect(await ledger.draw(scope, "c", now)).toBe("NEW");
    expect(await findDraws(store, scope, ["c"])).toEqual(new Map([["c", 10]]));
  });

  it("that is not there gives nothing, and one of another workspace is another pool", async () => {
    await using parts = await startParts();
    const { store } = parts;
    await addCodes(store, scope, codes(1), SIZE_MAX);
    const ledger = new CodeLedger(store);
    expect(await ledger.draw({ workspaceId: "x", pool: "spring" }, "a", now)).toBeUndefined();
    expect(await ledger.draw(scope, "a", now)).toBe("CODE-0");
  });

  it("keeps up with others that are far ahead", async () => {
    await using parts = await startParts();
    const { store } = parts;
    await addCodes(store, scope, codes(500), SIZE_MAX);
    const behind = new CodeLedger(store);
    await behind.draw(scope, "first", now);
    const ahead = Array.from({ length: 400 }, (_, i) => ({ number: i + 2, claim: `ahead${i}` }));
    await insertDraws(store, scope, ahead, now);
    expect(await behind.draw(scope, "late", now)).toBe("CODE-401");
  });
});
