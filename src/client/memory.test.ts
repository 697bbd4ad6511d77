import { describe, expect, it, test } from "vitest";
import { advance, formatMemory, newMemory, parseMemory } from "./memory.ts";
import { createMemoryKeeper } from "./memory-keeper.ts";
import { Seen } from "./seen.ts";
import { MemoryStorage } from "./testing/memory-storage.ts";

describe("memory", () => {
  it("reads back what it wrote", () => {
    const memory = sample();
    expect(parseMemory(formatMemory(memory))).toEqual(memory);
  });

  test.each(["", "null", "[]", "{", '{"version":0}', '{"version":"1"}'])("takes %j for nothing of ours", (text) => {
    expect(parseMemory(text)).toBeUndefined();
  });

  it("leaves out single entries that are spoilt", () => {
    const text = '{"version":1,"owner":3,"seen":[["a","shown"],["b","eaten"],[],7],"outbox":[{"ref":"r"},null]}';
    expect(parseMemory(text)).toEqual({ ...newMemory("3"), seen: new Seen([["a", "shown"]]) });
  });

  test.each([
    { from: "9", to: "10", is: "10" },
    { from: "10", to: "9", is: "10" },
    { from: "18446744073709551614", to: "18446744073709551615", is: "18446744073709551615" },
    { from: "9007199254740993", to: "9007199254740992", is: "9007199254740993" },
  ])("at offset $from a frame of offset $to leaves it at $is", ({ from, to, is }) => {
    const memory = { ...newMemory("u"), resume: { epoch: "e", offset: from } };
    advance(memory, to);
    expect(memory.resume.offset).toBe(is);
  });
});

describe("seen", () => {
  it("forgets the least recently met beyond a thousand", () => {
    const seen = new Seen();
    for (let index = 0; index < 1_000; index += 1) seen.mark(`iv-${index}`, "shown");
    seen.mark("iv-0", "shown");
    seen.mark("iv-1000", "shown");
    expect([seen.fate("iv-0"), seen.fate("iv-1"), seen.fate("iv-1000")]).toEqual(["shown", undefined, "shown"]);
  });
});

describe("memory keeper", () => {
  it("takes away what is out of date when there is no room for what is new, and says so once", () => {
    const storage = new MemoryStorage();
    const { keeper, reasons } = keeperOf(() => storage);
    keeper.save(newMemory("old"));
    storage.capacity = 10;
    keeper.save(sample());
    keeper.save(sample());
    expect(storage.entries.size).toBe(0);
    expect(reasons).toEqual(["STORAGE_UNAVAILABLE"]);
    storage.capacity = 10_000;
    keeper.save(sample());
    expect(keeper.load()).toEqual(sample());
  });

  it("goes on without storage that throws at its very name", () => {
    const { keeper, reasons } = keeperOf(() => {
      throw new DOMException("blocked", "SecurityError");
    });
    expect(keeper.load()).toEqual(newMemory(""));
    keeper.save(sample());
    expect(reasons).toEqual(["STORAGE_UNAVAILABLE"]);
  });

  it("begins anew when what is stored is spoilt, and says so", () => {
    const storage = new MemoryStorage();
    storage.setItem("key", "{");
    const { keeper, reasons } = keeperOf(() => storage);
    expect(keeper.load()).toEqual(newMemory(""));
    expect(reasons).toEqual(["STORAGE_UNAVAILABLE"]);
  });

  it("has nothing to say where there is no storage", () => {
    const { keeper, reasons } = keeperOf(() => undefined);
    keeper.save(sample());
    expect(keeper.load()).toEqual(newMemory(""));
    expect(reasons).toEqual([]);
  });
});

function keeperOf(storage: () => MemoryStorage | undefined) {
  const reasons: string[] = [];
  const keeper = createMemoryKeeper({ storage, key: "key", report: ({ reason }) => reasons.push(reason) });
  return { keeper, reasons };
}

function sample() {
  const memory = { ...newMemory("user"), resume: { epoch: "e1", offset: "18446744073709551615" } };
  memory.seen.mark("iv-1", "shown");
  memory.seen.mark("iv-2", "revoked");
  const occurTime = "2026-03-01T12:00:00.000Z";
  memory.outbox.add({ ref: "r1", kind: "EVENT_KIND_DELIVERED", interventionId: "iv-1", occurTime });
  memory.outbox.add({
    ref: "r2",
    kind: "EVENT_KIND_CLICKED",
    interventionId: "iv-1",
    occurTime,
    actionId: "buy",
    clickId: "r2",
  });
  return memory;
}
