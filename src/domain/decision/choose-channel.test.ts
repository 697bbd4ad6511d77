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
import { Channel, ChannelChoice_Feature, ChannelChoice_Method } from "../../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, ProfileSource, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { decide } from "./decide.ts";
import { toChoiceSegment } from "./to-choice-segment.ts";

type Init = Extract<MessageInitShape<typeof DecisionInputSchema>, { $typeName?: never }>;

const NOW = new Date("2026-06-01T12:00:00Z");
const { REALTIME, INBOX, EMAIL, SMS } = Channel;
const { LANGUAGE, DAYPART } = ChannelChoice_Feature;
const channels = [REALTIME, INBOX, EMAIL, SMS];
const policy = {
  channels,
  purpose: Purpose.SERVICE,
  channelChoice: { method: ChannelChoice_Method.LEARNED, exploration: 0.02 },
};
const evidenceOf = (...pairs: readonly (readonly [number, number])[]) =>
  pairs.map(([alpha, beta], index) => ({ channel: channels[index] ?? INBOX, alpha, beta }));

function input(changes: Init = {}): DecisionInput {
  return create(DecisionInputSchema, {
    ...{ workspace: "main", interventionId: "i1", hasLiveSocket: true, defaultTimeZone: "UTC", policy },
    now: timestampFromDate(NOW),
    recipient: {
      userId: "ada",
      addresses: [
        { channel: ContactChannel.EMAIL, address: "ada@example.com" },
        { channel: ContactChannel.SMS, address: "+4915112345678" },
      ],
    },
    profile: { source: ProfileSource.OWN },
    providedChannels: [EMAIL, SMS],
    choice: { segment: "all", seed: "i1/0", evidence: evidenceOf([2, 50], [2, 50], [40, 2], [2, 50]) },
    ...changes,
  });
}

const reasonOf = (decision: ReturnType<typeof decide>) =>
  decision.verdicts.find(({ rule }) => rule === Rule.CHANNEL)?.reason;

describe("a channel that is drawn", () => {
  it("is most often the one of which is known that it is best, and the decision tells how often", () => {
    const decisions = Array.from({ length: 300 }, (_, n) =>
      decide(input({ choice: { segment: "all", seed: `i${n}`, evidence: input().choice?.evidence ?? [] } })),
    );
    const emails = decisions.filter(({ channel }) => channel === EMAIL).length;
    expect(emails / decisions.length).toBeGreaterThan(0.88);
    const [first] = decisions;
    expect(first?.choice?.probabilities.map(({ channel }) => channel)).toEqual(channels);
    expect(first?.choice?.probabilities[2]?.probability).toBeCloseTo(0.94, 6);
    expect(first && reasonOf(first)).toMatch(
      /; drawn for all from realtime 2\.0 %, inbox 2\.0 %, email 94\.0 %, sms 2\.0 %$/,
    );
  });

  it("is one of those that reach the user, within the bounds of the policy; its probabilities sum to one", () => {
    const beta = fc.double({ min: 0.5, max: 1_000, noNaN: true });
    const pairs = fc.array(fc.tuple(beta, beta), { minLength: 4, maxLength: 4 });
    const cases = fc.record({
      pairs,
      seed: fc.string(),
      hasLiveSocket: fc.boolean(),
      provided: fc.subarray([EMAIL, SMS]),
      smsCost: fc.integer({ min: 0, max: 100_000 }),
      exploration: fc.double({ min: 0, max: 0.1, noNaN: true }),
    });
    fc.assert(
      fc.property(cases, ({ pairs: all, seed, hasLiveSocket, provided, smsCost, exploration }) => {
        const original = input({
          hasLiveSocket,
          providedChannels: provided,
          policy: {
            ...policy,
            channelChoice: { ...policy.channelChoice, exploration },
            costMax: [{ currency: "EUR", micros: 50_000n }],
          },
          channelCosts: [{ channel: SMS, cost: { currency: "EUR", micros: BigInt(smsCost) } }],
          choice: { segment: "all", seed, evidence: evidenceOf(...all) },
        });
        const decision = decide(original);
        const reachable = channels.filter(
          (channel) =>
            (channel !== REALTIME || hasLiveSocket) &&
            (channel !== EMAIL || provided.includes(EMAIL)) &&
            (channel !== SMS || (provided.includes(SMS) && smsCost <= 50_000)),
        );
        const { probabilities = [], propensity } = decision.choice ?? {};
        expect(probabilities.map(({ channel }) => channel)).toEqual(reachable);
        expect(probabilities.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
        for (const { probability } of probabilities) expect(probability).toBeGreaterThanOrEqual(exploration - 1e-15);
        expect(probabilities.find(({ channel }) => channel === decision.channel)?.probability).toBe(propensity);
        const again = decide(fromBinary(DecisionInputSchema, toBinary(DecisionInputSchema, original)));
        expect(toBinary(DecisionSchema, again)).toEqual(toBinary(DecisionSchema, decision));
      }),
      { numRuns: 60 },
    );
  });

  it("is none of a fallback's while one of the policy's own reaches the user", () => {
    const fallbacks = [{ channel: SMS, after: { seconds: 1n } }];
    const drawn = decide(input({ policy: { ...policy, channels: [REALTIME, INBOX], fallbacks } }));
    expect(drawn.choice?.probabilities.map(({ channel }) => channel)).toEqual([REALTIME, INBOX]);
    const fallenBack = decide(input({ hasLiveSocket: false, policy: { ...policy, channels: [REALTIME], fallbacks } }));
    expect([fallenBack.channel, fallenBack.fallback, fallenBack.choice]).toEqual([SMS, 1, undefined]);
  });
});

describe("a channel that costs too much", () => {
  const bounded = { channels: [SMS, INBOX], purpose: Purpose.SERVICE, costMax: [{ currency: "EUR", micros: 50_000n }] };
  const cost = (currency: string, micros: bigint) => [{ channel: SMS, cost: { currency, micros } }];
  test.each([
    ["is passed over", cost("EUR", 50_001n), INBOX],
    ["is taken at its bound", cost("EUR", 50_000n), SMS],
    ["is taken in a currency without a bound", cost("USD", 90_000n), SMS],
    ["is taken when it costs nothing", [], SMS],
  ])("%s", (_, channelCosts, channel) => {
    const original = input({ policy: bounded, channelCosts });
    delete original.choice;
    const decision = decide(original);
    expect(decision.outcome).toBe(Outcome.SEND);
    expect(decision.channel).toBe(channel);
  });
});

describe("the group a choice learns for", () => {
  const of = (segmentBy: ChannelChoice_Feature[], recipient: object, at = "2026-06-01T17:59:00Z") =>
    toChoiceSegment(
      input({ policy: { ...policy, channelChoice: { ...policy.channelChoice, segmentBy } }, recipient }),
      new Date(at),
    );
  test.each([
    ["is everybody where users are not told apart", of([], {}), "all"],
    ["is that of a language", of([LANGUAGE], { locale: "fr-CA" }), "language=fr"],
    ["is that of the others for what is no language", of([LANGUAGE], { locale: "x-klingon" }), "language=other"],
    ["is that of a part of the user's own day", of([DAYPART], { timeZone: "Asia/Tokyo" }), "daypart=night"],
    [
      "is the same in whatever order features are named",
      of([LANGUAGE, DAYPART], {}),
      "daypart=afternoon,language=other",
    ],
  ])("%s", (_, segment, expected) => {
    expect(segment).toBe(expected);
  });
});
