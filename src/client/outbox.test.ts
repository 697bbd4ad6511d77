import { describe, expect, it } from "vitest";
import type { ClientEvent, EventKind } from "./frame.ts";
import { Outbox } from "./outbox.ts";

describe("outbox", () => {
  it("gives at most 100 events a frame and 200 in flight", () => {
    const outbox = filled(450);
    expect(outbox.take(0)).toHaveLength(100);
    expect(outbox.take(0)).toHaveLength(100);
    expect(outbox.take(0)).toHaveLength(0);
    outbox.settle(["ref-0", "ref-1"]);
    expect(outbox.take(0).map(({ ref }) => ref)).toEqual(["ref-200", "ref-201"]);
  });

  it("gives an event again when no tracked came for 15 s, and at once after a lost connection", () => {
    const outbox = filled(1);
    expect(outbox.take(0)).toHaveLength(1);
    expect(outbox.nextSendAt(0)).toBe(15_000);
    expect(outbox.take(14_999)).toHaveLength(0);
    expect(outbox.take(15_000)).toHaveLength(1);
    outbox.rewind();
    expect(outbox.take(15_001)).toHaveLength(1);
  });

  it("keeps postponed events back until then", () => {
    const outbox = filled(2);
    outbox.take(0);
    outbox.postpone(["ref-1", "unknown"], 3_000);
    expect(outbox.take(2_999)).toHaveLength(0);
    expect(outbox.take(3_000).map(({ ref }) => ref)).toEqual(["ref-1"]);
  });

  it("drops the oldest displayed first when a thousand wait, then dismissed, delivered and clicked", () => {
    const outbox = new Outbox();
    const kinds = ["CLICKED", "DELIVERED", "DISMISSED", "DISPLAYED", "DISPLAYED"] as const;
    for (const [index, kind] of kinds.entries()) outbox.add(event(`first-${index}`, `EVENT_KIND_${kind}`));
    for (let index = 5; index < 1_000; index += 1) outbox.add(event(`ref-${index}`, "EVENT_KIND_CLICKED"));
    const dropped = [1, 2, 3, 4, 5].map((index) => outbox.add(event(`more-${index}`, "EVENT_KIND_CLICKED"))?.ref);
    expect(dropped).toEqual(["first-3", "first-4", "first-2", "first-1", "first-0"]);
    expect(outbox.size).toBe(1_000);
  });

  it("forgets what was tracked, in any order and more than once", () => {
    const outbox = filled(3);
    outbox.take(0);
    outbox.settle(["ref-2", "ref-0"]);
    outbox.settle(["ref-0"]);
    expect(outbox.events().map(({ ref }) => ref)).toEqual(["ref-1"]);
  });
});

function filled(count: number): Outbox {
  return new Outbox(Array.from({ length: count }, (_, index) => event(`ref-${index}`, "EVENT_KIND_DISPLAYED")));
}

function event(ref: string, kind: EventKind): ClientEvent {
  return { ref, kind, interventionId: `iv-${ref}`, occurTime: "2026-03-01T12:00:00.000Z" };
}
