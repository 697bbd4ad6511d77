import { describe, expect, it } from "vitest";
import { countQuotaSlots, type QuotaScope } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { QuotaLedger } from "./quota-ledger.ts";

const scope: QuotaScope = { workspaceId: "w", channel: "email", day: "2026-11-25" };
const now = new Date("2026-11-25T12:00:00Z");
const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}:email`);

describe("a day's quota", () => {
  it("is never exceeded and fully used by many claimers of several processes at once", async () => {
    await using parts = await startParts();
    const ledgers = [new QuotaLedger(parts.store), new QuotaLedger(parts.store), new QuotaLedger(parts.store)];
    const batches = Array.from({ length: 100 }, (_, n) => ids(`b${n}-`, 1 + (n % 20)));
    const asked = batches.flat().length;
    const granted = await Promise.all(
      batches.map((batch, n) => ledgers[n % ledgers.length]?.claim(scope, 777, batch, now) ?? new Set<string>()),
    );
    expect(asked).toBeGreaterThan(900);
    expect(granted.reduce((total, { size }) => total + size, 0)).toBe(777);
    expect(await countQuotaSlots(parts.store, scope)).toBe(777);
  });

  it("counts a delivery once however often it asks, at the limit and on the next day too", async () => {
    await using parts = await startParts();
    const [first, second] = [new QuotaLedger(parts.store), new QuotaLedger(parts.store)];
    const claims = ids("d", 10);
    expect(await first.claim(scope, 10, claims, now)).toEqual(new Set(claims));
    const again = await Promise.all([
      first.claim(scope, 10, claims, now),
      second.claim(scope, 10, [...claims, ...claims], now),
      second.claim({ ...scope, day: "2026-11-26" }, 10, claims, now),
    ]);
    for (const one of again) expect(one).toEqual(new Set(claims));
    expect(await countQuotaSlots(parts.store, scope)).toBe(10);
    expect(await countQuotaSlots(parts.store, { ...scope, day: "2026-11-26" })).toBe(0);
    expect(await second.claim(scope, 10, ["one more"], now)).toEqual(new Set());
  });

  it("hands out again what was given back, and follows a quota that is raised or lowered", async () => {
    await using parts = await startParts();
    const ledger = new QuotaLedger(parts.store);
    const [a = "", b = "", c = "", d = ""] = ids("x", 4);
    expect(await ledger.claim(scope, 2, [a, b, c], now)).toEqual(new Set([a, b]));
    await ledger.giveBack("w", a);
    await ledger.giveBack("w", a);
    await ledger.giveBack("w", "of nobody");
    expect(await ledger.claim(scope, 2, [c, d], now)).toEqual(new Set([c]));
    expect(await ledger.claim(scope, 3, [d], now)).toEqual(new Set([d]));
    await ledger.giveBack("w", d);
    expect(await ledger.claim(scope, 1, [a], now)).toEqual(new Set());
    expect(await countQuotaSlots(parts.store, scope)).toBe(2);
  });

  it("keeps workspaces, channels and days apart", async () => {
    await using parts = await startParts();
    const ledger = new QuotaLedger(parts.store);
    for (const one of [
      { ...scope, workspaceId: "v" },
      { ...scope, channel: "sms" as const },
      { ...scope, day: "2026-11-24" },
    ])
      expect((await ledger.claim(one, 1, [`${one.workspaceId}/${one.channel}/${one.day}`], now)).size).toBe(1);
    expect((await ledger.claim(scope, 1, ["one"], now)).size).toBe(1);
    expect((await ledger.claim(scope, 0, ["another"], now)).size).toBe(0);
  });
});
