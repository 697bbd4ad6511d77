import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it, test } from "vitest";
import { Answer, DecisionInputSchema, Outcome, Rule } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel, SendTime_Method } from "../../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { decide } from "./decide.ts";

const NOW = new Date("2026-06-10T12:00:00Z");
const at = (ms: number) => timestampFromDate(new Date(NOW.getTime() + ms));
const HOUR_MS = 3_600_000;
type Init = Extract<MessageInitShape<typeof DecisionInputSchema>, { $typeName?: never }>;
const best = { method: SendTime_Method.BEST_HOUR };
const evening = Array.from({ length: 24 }, (_, hour) => (hour === 20 ? 0.54 : 0.02));

const decideWith = ({ policy = {}, ...changes }: Omit<Init, "policy"> & { readonly policy?: object } = {}) =>
  decide(
    create(DecisionInputSchema, {
      ...{ workspace: "main", interventionId: "i1", now: at(0), defaultTimeZone: "UTC" },
      recipient: { userId: "ada", addresses: [{ channel: ContactChannel.EMAIL, address: "ada@example.com" }] },
      providedChannels: [Channel.EMAIL],
      sendHours: { timeZone: "Europe/Berlin", touches: 12, shares: evening },
      ...changes,
      policy: { channels: [Channel.EMAIL], purpose: Purpose.SERVICE, sendTime: best, ...policy },
    }),
  );
const verdictOf = (changes?: Parameters<typeof decideWith>[0]) =>
  decideWith(changes).verdicts.find(({ rule }) => rule === Rule.SEND_TIME);

describe("a message that is to come at its user's best hour", () => {
  it("waits for it by his own clock, and says what it was told by", () => {
    const decision = decideWith();
    expect(decision.outcome).toBe(Outcome.DELAY);
    expect(decision.notBefore && timestampDate(decision.notBefore).toISOString()).toMatch(/^2026-06-10T18:[012]/);
    expect(decision.verdicts.at(-1)).toMatchObject({
      ...{ rule: Rule.SEND_TIME, answer: Answer.DELAY },
      reason: "waits for the hour from 20:00 in Europe/Berlin: 54.0 % of the day, by 12 times that this user looked",
    });
  });

  test.each([
    ["has waited once", { round: 1 }, /chosen before/],
    ["is in that hour", { now: at(6.5 * HOUR_MS) }, /the hour from 20:00 in Europe\/Berlin is the best one/],
    ["would be too late then", { expireTime: at(5 * HOUR_MS) }, /is the best one until 2026-06-10T17:00:00.000Z/],
    ["may not wait so long", { policy: { sendTime: { ...best, within: { seconds: 3_600n } } } }, /is the best one/],
    ["is for a live socket", { hasLiveSocket: true, policy: { channels: [Channel.REALTIME] } }, /need not look for it/],
    ["goes to the inbox", { policy: { channels: [Channel.INBOX] } }, /need not look for it/],
    ["has nothing recorded to go by", { sendHours: undefined }, /nothing is known/],
  ] as const)("is sent at once when it %s", (_, changes, reason) => {
    expect(decideWith(changes as Parameters<typeof decideWith>[0]).outcome).toBe(Outcome.SEND);
    expect(verdictOf(changes as Parameters<typeof decideWith>[0])).toMatchObject({
      answer: Answer.PASS,
      reason: expect.stringMatching(reason),
    });
  });

  it("does not wait for an hour that is quiet", () => {
    const decision = decideWith({ policy: { quietHours: { start: "19:30", end: "08:00" } } });
    expect(decision.outcome).toBe(Outcome.SEND);
    const inQuiet = decideWith({ now: at(10 * HOUR_MS), policy: { quietHours: { start: "19:30", end: "08:00" } } });
    expect(inQuiet.notBefore && timestampDate(inQuiet.notBefore).toISOString()).toMatch(/^2026-06-11T06:[012]/);
  });

  it("comes at a time of its own within the first half of that hour, neither too late nor in quiet hours", () => {
    const dueOf = (changes: Parameters<typeof decideWith>[0]) => {
      const { notBefore } = decideWith(changes);
      return notBefore === undefined ? "" : timestampDate(notBefore).toISOString();
    };
    const ids = Array.from({ length: 500 }, (_, index) => `i${index}`);
    const minutes = ids.map((interventionId) => Number(dueOf({ interventionId }).slice(14, 16)));
    expect(Math.max(...minutes)).toBeLessThan(30);
    expect(new Set(minutes).size).toBe(30);
    expect(dueOf({ interventionId: "i1" })).toBe(dueOf({ interventionId: "i1" }));
    for (const interventionId of ids.slice(0, 50)) {
      expect(dueOf({ interventionId, expireTime: at(6 * HOUR_MS + 60_000) }) < "2026-06-10T18:01:00").toBe(true);
      const quiet = { policy: { quietHours: { start: "20:05", end: "08:00" } } };
      expect(dueOf({ interventionId, ...quiet }) < "2026-06-10T18:05:00").toBe(true);
    }
  });

  it("is asked for by its policy alone", () => {
    expect(verdictOf({ policy: { sendTime: undefined } })).toBeUndefined();
    expect(verdictOf({ policy: { sendTime: { method: SendTime_Method.AT_ONCE } } })).toBeUndefined();
  });
});
