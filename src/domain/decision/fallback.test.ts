import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  type DecisionInput,
  DecisionInputSchema,
  DecisionSchema,
  Outcome,
  Rule,
} from "../../../gen/intervention/v1/decision_pb.js";
import { EventKind } from "../../../gen/intervention/v1/event_pb.js";
import { Channel, Success } from "../../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, ProfileSource, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { decide } from "./decide.ts";

type Init = Extract<MessageInitShape<typeof DecisionInputSchema>, { $typeName?: never }>;

const NOW = new Date("2026-06-01T12:00:00Z");
const at = (ms: number) => timestampFromDate(new Date(NOW.getTime() + ms));
const { REALTIME, INBOX, PUSH, EMAIL, UNSPECIFIED } = Channel;

const chain = {
  channels: [REALTIME],
  purpose: Purpose.SERVICE,
  fallbacks: [
    { after: { seconds: 10n }, unless: Success.DISPLAYED, channel: PUSH },
    { after: { seconds: 3_600n }, unless: Success.CLICKED, channel: EMAIL },
  ],
};

function input(changes: Init = {}): DecisionInput {
  return create(DecisionInputSchema, {
    ...{ workspace: "main", interventionId: "i1", now: at(0), hasLiveSocket: true, defaultTimeZone: "UTC" },
    recipient: {
      userId: "ada",
      addresses: [
        { channel: ContactChannel.PUSH, address: "device" },
        { channel: ContactChannel.EMAIL, address: "ada@example.com" },
      ],
    },
    policy: chain,
    profile: { source: ProfileSource.OWN },
    providedChannels: [PUSH, EMAIL],
    ...changes,
  });
}

const second = (happened: EventKind[] = []) => ({ round: 1, fallback: { step: 1, tried: [REALTIME], happened } });
const third = (happened: EventKind[] = []) => ({ round: 2, fallback: { step: 2, tried: [REALTIME, PUSH], happened } });

describe("a chain of fallbacks", () => {
  test.each<[string, Init, Outcome, Channel, number, number | undefined]>([
    ["begins with the policy's channels, and is looked at again", {}, Outcome.SEND, REALTIME, 0, 10_000],
    ["goes on at once when none of them reaches the user", { hasLiveSocket: false }, Outcome.SEND, PUSH, 1, 3_600_000],
    ["takes the first fallback when nothing has happened", second(), Outcome.SEND, PUSH, 1, 3_600_000],
    [
      "ends when what it waits for has happened",
      second([EventKind.DISPLAYED]),
      Outcome.KEEP,
      UNSPECIFIED,
      1,
      undefined,
    ],
    ["ends when more than that has", second([EventKind.CLICKED]), Outcome.KEEP, UNSPECIFIED, 1, undefined],
    ["goes on when less has", third([EventKind.DISPLAYED]), Outcome.SEND, EMAIL, 2, undefined],
    ["ends when it was cancelled", third([EventKind.CANCELLED]), Outcome.KEEP, UNSPECIFIED, 2, undefined],
    ["ends when the user complained", third([EventKind.COMPLAINED]), Outcome.KEEP, UNSPECIFIED, 2, undefined],
    [
      "passes over a fallback that can't reach the user",
      { ...second(), providedChannels: [EMAIL] },
      Outcome.SEND,
      EMAIL,
      2,
      undefined,
    ],
    [
      "comes to nothing when no fallback can",
      { ...second(), providedChannels: [] },
      Outcome.SUPPRESS,
      UNSPECIFIED,
      1,
      undefined,
    ],
    [
      "asks for consent again",
      { ...second(), policy: { ...chain, purpose: Purpose.MARKETING } },
      Outcome.SUPPRESS,
      UNSPECIFIED,
      1,
      undefined,
    ],
    [
      "waits for the end of quiet hours",
      { ...second(), policy: { ...chain, quietHours: { start: "11:00", end: "13:00" } } },
      Outcome.DELAY,
      UNSPECIFIED,
      1,
      undefined,
    ],
    ["ends with its expiry", { ...second(), expireTime: at(0) }, Outcome.EXPIRE, UNSPECIFIED, 1, undefined],
    ["is not looked at again after its expiry", { expireTime: at(10_000) }, Outcome.SEND, REALTIME, 0, undefined],
    [
      "never takes a channel twice",
      { round: 1, fallback: { step: 1, tried: [PUSH] } },
      Outcome.SEND,
      EMAIL,
      2,
      undefined,
    ],
  ])("%s", (_, changes, outcome, channel, fallback, againInMs) => {
    const decision = decide(input(changes));
    expect([decision.outcome, decision.channel, decision.fallback]).toEqual([outcome, channel, fallback]);
    expect(decision.fallbackTime).toEqual(againInMs === undefined ? undefined : at(againInMs));
  });

  it("says what it waited for", () => {
    const reasonOf = (changes: Init) =>
      decide(input(changes)).verdicts.find(({ rule }) => rule === Rule.FALLBACK)?.reason;
    expect(reasonOf(second())).toBe("fallback 1: not displayed within 10 s");
    expect(reasonOf(second([EventKind.CLICKED]))).toBe("clicked: no fallback is needed");
    expect(reasonOf({})).toBeUndefined();
  });

  it("never sends on a channel that was tried, and replays to the same bytes", () => {
    const channels = fc.subarray([INBOX, PUSH, EMAIL, Channel.SMS]);
    const kinds = fc.subarray([EventKind.DELIVERED, EventKind.DISPLAYED, EventKind.CLICKED, EventKind.CONVERTED]);
    const successes = fc.constantFrom(Success.DELIVERED, Success.DISPLAYED, Success.CLICKED, Success.CONVERTED);
    fc.assert(
      fc.property(
        channels,
        channels,
        kinds,
        successes,
        fc.integer({ min: 1, max: 4 }),
        (list, tried, happened, unless, step) => {
          const original = input({
            policy: { ...chain, fallbacks: list.map((channel) => ({ channel, unless, after: { seconds: 1n } })) },
            providedChannels: [PUSH, EMAIL],
            fallback: { step, tried, happened },
          });
          const decision = decide(original);
          if (decision.outcome === Outcome.SEND) {
            expect(tried).not.toContain(decision.channel);
            expect(list.indexOf(decision.channel) + 1).toBe(decision.fallback);
          }
          const again = decide(fromBinary(DecisionInputSchema, toBinary(DecisionInputSchema, original)));
          expect(toBinary(DecisionSchema, again)).toEqual(toBinary(DecisionSchema, decision));
        },
      ),
    );
  });
});
