import { describe, expect, it, test } from "vitest";
import { createLedger } from "./ledger.ts";
import { safeStorage } from "./safe-storage.ts";

const limits = { messagesMax: 100, windowMs: 1_000, modalsPerSession: 1 };

function memory(initial = "") {
  const kept = new Map(initial === "" ? [] : [["engine-pieces", initial]]);
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
}

describe("ledger", () => {
  it("tells every tab what was settled, and stays small", () => {
    const storage = memory();
    const [one, other] = [createLedger(storage, limits, () => 0), createLedger(storage, limits, () => 0)];
    for (let index = 0; index < 300; index += 1) one.settle(`iv-${index}`);
    expect(other.isSettled("iv-299")).toBe(true);
    expect(other.isSettled("iv-0")).toBe(false);
    expect(storage.getItem("engine-pieces")?.length).toBeLessThan(4_000);
  });

  it("counts a modal once a session, in all tabs, and not one that was withdrawn", () => {
    const storage = memory();
    let nowMs = 0;
    const [one, other] = [createLedger(storage, limits, () => nowMs), createLedger(storage, limits, () => nowMs)];
    expect(one.begin("iv-1", "modal").kind).toBe("now");
    one.withdraw("iv-1");
    expect(other.begin("iv-1", "modal").kind).toBe("now");
    expect(one.begin("iv-2", "modal").kind).toBe("until");
    nowMs = 31 * 60_000;
    expect(one.begin("iv-2", "modal").kind).toBe("now");
  });

  test.each(["", "{", "null", "7", '{"shown":7}', '{"settled":[]}'])("takes %j in storage for nothing", (text) => {
    expect(createLedger(memory(text), limits, () => 0).begin("iv-1", "toast")).toEqual({ kind: "now" });
  });

  it("does with the page's memory where the browser refuses storage", () => {
    const blocked = safeStorage(() => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    });
    const full = safeStorage(() => ({
      ...memory(),
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
      removeItem: () => undefined,
    }));
    for (const storage of [blocked, full]) {
      const ledger = createLedger(storage, limits, () => 0);
      ledger.settle("iv-1");
      expect(ledger.isSettled("iv-1")).toBe(true);
    }
  });
});
