import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { HistoryFrame } from "./outgoing-frame.ts";
import { isRecovered, toReplay } from "./recovery.ts";

const head = { epoch: "e1", firstSequence: 1, lastSequence: 100, historyMax: 3 };
const base = { resume: { epoch: "e1", offset: 50 }, head, kept: [60, 70], isOlderKept: false };

describe("recovered", () => {
  test.each([
    { what: "everything since is kept", ...base, verdict: true },
    { what: "nothing was sent since", ...base, kept: [], verdict: true },
    { what: "another history", ...base, resume: { epoch: "e0", offset: 50 }, verdict: false },
    { what: "an offset that was never reached", ...base, resume: { epoch: "e1", offset: 101 }, verdict: false },
    { what: "as many are kept as can be: one more may have gone", ...base, kept: [60, 70, 80], verdict: false },
    { what: "as many as can be, and an older one too", ...base, kept: [60, 70, 80], isOlderKept: true, verdict: true },
    { what: "as many as can be, the first right after the offset", ...base, kept: [51, 70, 80], verdict: true },
    { what: "the age limit has passed the offset", ...base, head: { ...head, firstSequence: 52 }, verdict: false },
    { what: "the age limit has just reached the offset", ...base, head: { ...head, firstSequence: 51 }, verdict: true },
    {
      what: "the age limit has passed, but an older one of this user is kept",
      ...base,
      head: { ...head, firstSequence: 40 },
      isOlderKept: true,
      verdict: true,
    },
  ])("is $verdict when: $what", ({ what: _, verdict, ...evidence }) => {
    expect(isRecovered(evidence)).toBe(verdict);
  });

  /** The stream as the broker keeps it: the newest N a subject, and nothing from before some sequence. */
  it("is never claimed when a message after the offset is gone, in any history", () => {
    const history = fc.record({
      users: fc.array(fc.constantFrom("ann", "bob"), { minLength: 1, maxLength: 40 }),
      historyMax: fc.integer({ min: 1, max: 5 }),
      agedOut: fc.integer({ min: 0, max: 40 }),
      offset: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(history, ({ users, historyMax, agedOut, offset }) => {
        const sent = users.map((user, i) => ({ user, sequence: i + 1 }));
        // Evicted by number while it grew, then by age.
        const kept = sent.filter(
          ({ user, sequence }) =>
            sequence > agedOut &&
            sent.filter((other) => other.user === user && other.sequence > sequence).length < historyMax,
        );
        const mine = kept.filter(({ user }) => user === "ann").map(({ sequence }) => sequence);
        const lastSequence = users.length;
        const evidence = {
          resume: { epoch: "e", offset },
          head: { epoch: "e", firstSequence: kept[0]?.sequence ?? lastSequence + 1, lastSequence, historyMax },
          kept: mine.filter((sequence) => sequence > offset),
          isOlderKept: mine.some((sequence) => sequence <= offset),
        };
        const isAllThere =
          offset <= lastSequence &&
          sent.every(({ user, sequence }) => user !== "ann" || sequence <= offset || mine.includes(sequence));
        if (isRecovered(evidence)) expect(isAllThere).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a replay", () => {
  const frame = (offset: number, message: MessageInitShape<typeof RealtimeMessageSchema>["message"]) =>
    new HistoryFrame(
      toBinary(RealtimeMessageSchema, create(RealtimeMessageSchema, message === undefined ? {} : { message })),
      offset,
    );
  const shown = (offset: number, interventionId: string, expireMs?: number) =>
    frame(offset, {
      case: "intervention",
      value: { interventionId, ...(expireMs === undefined ? {} : { expireTime: timestampFromMs(expireMs) }) },
    });

  it("leaves out what has expired and what was revoked, before or after, and keeps the revokes", () => {
    const history = [
      shown(1, "a"),
      shown(2, "b", 999),
      shown(3, "c", 1_001),
      shown(4, "d"),
      frame(5, { case: "revoke", value: { interventionId: "a" } }),
      frame(6, { case: "revoke", value: { interventionId: "raced" } }),
      shown(7, "raced"),
      frame(8, { case: "inboxChanged", value: { interventionId: "x" } }),
    ];
    expect(toReplay(history, 1_000).map(({ offset }) => offset)).toEqual([3, 4, 5, 6, 8]);
  });
});
