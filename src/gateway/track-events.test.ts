import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { ClientEventSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { toTrackOutcome } from "./track-events.ts";

type Reported = MessageInitShape<typeof ClientEventSchema>;
const source = { workspaceId: "shop", userId: "ann" };
const now = new Date("2026-03-01T12:00:00Z");
const outcome = (...reported: Reported[]) =>
  toTrackOutcome(
    reported.map((one) => create(ClientEventSchema, one)),
    source,
    now,
  );
const good: Reported = { ref: "1", kind: EventKind.DISPLAYED, interventionId: "iv1" };

describe("what a device reports", () => {
  test.each([
    [EventKind.DELIVERED, "iv1:delivered"],
    [EventKind.DISPLAYED, "iv1:displayed"],
    [EventKind.DISMISSED, "iv1:dismissed"],
    [EventKind.CLICKED, "iv1:clicked:c7"],
  ])("of kind %s becomes the event %s of the token's user", (kind, eventId) => {
    const { events, refs, refusal } = outcome({ ref: "r", kind, interventionId: "iv1", clickId: "c7", actionId: "go" });
    expect(events).toMatchObject([
      {
        eventId,
        kind,
        workspace: "shop",
        userId: "ann",
        channel: Channel.REALTIME,
        actionId: kind === EventKind.CLICKED ? "go" : "",
      },
    ]);
    expect([refs, refusal]).toEqual([["r"], undefined]);
  });

  const refused: [string, Reported, RegExp][] = [
    ["a kind that only the engine may report", { ...good, kind: EventKind.ACCEPTED }, /^kind/],
    ["no kind", { ...good, kind: EventKind.UNSPECIFIED }, /^kind/],
    ["a kind that there is not", { ...good, kind: 99 as EventKind }, /^kind/],
    ["no intervention", { ...good, interventionId: "" }, /^intervention_id/],
    ["an id that could make up another event's", { ...good, interventionId: "iv1:clicked" }, /^intervention_id/],
    ["a click without an id of its own", { ...good, kind: EventKind.CLICKED }, /^click_id/],
    ["a click with too long an id", { ...good, kind: EventKind.CLICKED, clickId: "c".repeat(65) }, /^click_id/],
    ["too long an action", { ...good, kind: EventKind.CLICKED, clickId: "c", actionId: "a".repeat(65) }, /^action_id/],
    ["control characters", { ...good, kind: EventKind.CLICKED, clickId: "a\nb" }, /^click_id/],
    ["no ref", { ...good, ref: "" }, /^ref/],
  ];
  test.each(refused)("is refused for %s, and the others are taken", (_, bad, refusal) => {
    const {
      refs,
      refusedRefs,
      refusal: given,
    } = outcome({ ...bad, ref: bad.ref === "" ? "" : "bad" }, { ...good, ref: "good" });
    expect(refs).toEqual(["good"]);
    expect(refusedRefs).toEqual(bad.ref === "" ? [] : ["bad"]);
    expect(given).toMatch(refusal);
  });

  test.each([
    ["a minute ago", -60_000, true],
    ["three minutes ahead", 3 * 60_000, true],
    ["six minutes ahead", 6 * 60_000, false],
    ["a month and a day old", -31 * 86_400_000, false],
  ])("at a time %s keeps it: %3$s", (_, shift, isKept) => {
    const { events } = outcome({ ...good, occurTime: timestampFromMs(now.getTime() + shift) });
    expect(events[0]?.occurTime).toEqual(timestampFromMs(now.getTime() + (isKept ? shift : 0)));
    expect(events[0]?.receiveTime).toEqual(timestampFromMs(now.getTime()));
  });

  it("is taken or refused, each exactly once, whatever it is", () => {
    const any = fc.record({
      ref: fc.string({ maxLength: 70 }),
      kind: fc.integer({ min: -1, max: 12 }),
      interventionId: fc.string({ maxLength: 70 }),
      clickId: fc.string({ maxLength: 70 }),
      actionId: fc.string({ maxLength: 70 }),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), (reported) => {
        const { events, refs, refusedRefs, refusal } = outcome(...reported);
        expect(events).toHaveLength(refs.length);
        expect(refs.length + refusedRefs.length).toBeLessThanOrEqual(reported.length);
        expect(refusal === undefined).toBe(refs.length === reported.length);
      }),
    );
  });
});
