import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { CampaignSchema, TriggerSourceSchema } from "../../../gen/intervention/v1/campaign_pb.js";
import { DecisionInputSchema, Outcome, Rule } from "../../../gen/intervention/v1/decision_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { ShopEventKind, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import type { CompiledCondition } from "../condition/compile-condition.ts";
import { mergeTriggers } from "./merge-triggers.ts";
import { simulateUser } from "./simulate-user.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.parse("2026-06-10T12:00:00Z");
const known = create(DecisionInputSchema, {
  ...{ workspace: "main", recipient: { userId: "ada" }, defaultTimeZone: "Europe/Paris", profile: {} },
});
const triggersAt = (...hours: number[]) =>
  hours.map((hour) => {
    const event = create(ShopEventSchema, { eventId: `e${hour}`, kind: ShopEventKind.PAGE_VIEWED, userId: "ada" });
    const source = create(TriggerSourceSchema, { campaign: "c", event });
    return { id: `e${hour}`, atMs: START_MS + hour * HOUR_MS, facts: { event }, source };
  });

type Given = Extract<MessageInitShape<typeof CampaignSchema>, { $typeName?: never }>;
const simulate = (
  given: Given,
  hours: number[],
  more: { untilHour?: number; sendsAt?: number[]; condition?: CompiledCondition } = {},
) =>
  simulateUser(
    create(CampaignSchema, { campaignId: "c", policy: { channels: [Channel.INBOX] }, ...given }),
    triggersAt(...hours),
    {
      ...{ condition: more.condition, known, timeZone: "Europe/Paris" },
      untilMs: START_MS + (more.untilHour ?? 1_000) * HOUR_MS,
      sends: (more.sendsAt ?? []).map((hour) => ({
        ...{ interventionId: `i${hour}`, campaign: "other", decidedAt: new Date(START_MS + hour * HOUR_MS) },
      })),
    },
  );
const hoursOf = ({ messages }: ReturnType<typeof simulate>) =>
  messages.map(
    ({ decision }) =>
      `${Outcome[decision.outcome]} ${(Number(decision.decideTime?.seconds) * 1_000 - START_MS) / HOUR_MS}`,
  );

describe("a simulated campaign", () => {
  const cap = { frequencyCap: { max: 2, window: durationFromMs(24 * HOUR_MS) } };
  const quiet = { quietHours: { start: "20:00", end: "08:00" } };
  test.each([
    ["sends for each trigger, in the order of time", {}, [2, 1], {}, ["SEND 1", "SEND 2"]],
    [
      "keeps to its cap",
      { policy: { channels: [Channel.INBOX], ...cap } },
      [0, 1, 2, 30],
      {},
      ["SEND 0", "SEND 1", "SUPPRESS 2", "SEND 30"],
    ],
    [
      "counts what others sent before, and not what they sent later",
      { policy: { channels: [Channel.INBOX], ...cap } },
      [0, 2],
      { sendsAt: [-1, 1] },
      ["SEND 0", "SUPPRESS 2"],
    ],
    ["waits for the end of quiet hours", { policy: { channels: [Channel.INBOX], ...quiet } }, [7], {}, ["SEND 18"]],
    ["lets a user in once", { reentryAfter: durationFromMs(5 * HOUR_MS) }, [0, 4, 5], {}, ["SEND 0", "SEND 5"]],
    [
      "expires",
      { ttl: durationFromMs(HOUR_MS), policy: { channels: [Channel.INBOX], ...quiet } },
      [7],
      {},
      ["EXPIRE 7"],
    ],
    [
      "reaches nobody by a channel that he has not said yes to",
      { policy: { channels: [Channel.SMS] } },
      [0],
      {},
      ["SUPPRESS 0"],
    ],
  ] as const)("%s", (_, given, hours, more, expected) => {
    expect(hoursOf(simulate(given as Given, [...hours], more as Parameters<typeof simulate>[2]))).toEqual(expected);
  });

  it("tells why not, and what is left out", () => {
    const only = (hour: number): CompiledCondition => ({
      roots: new Set(),
      test: ({ now }) => (now.getTime() === START_MS + hour * HOUR_MS ? true : undefined),
    });
    expect(simulate({}, [0, 1, 2], { condition: only(1) })).toMatchObject({ conditionNotMet: 2, messages: [{}] });
    expect(simulate({ reentryAfter: durationFromMs(9 * HOUR_MS) }, [0, 1, 2])).toMatchObject({ notAgainYet: 2 });
    const debounce = { wait: durationFromMs(HOUR_MS), maxWait: durationFromMs(10 * HOUR_MS) };
    expect(simulate({ debounce }, [0, 0.5, 9], { untilHour: 9.5 })).toMatchObject({ merged: 1, waiting: 1 });
    const [stopped] = simulate({ policy: { channels: [Channel.SMS] } }, [0]).messages;
    expect(stopped?.decision.verdicts.at(-1)).toMatchObject({ rule: Rule.CONSENT });
  });

  it("accounts for every trigger", () => {
    const hours = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 30 });
    const ms = fc.integer({ min: 1_000, max: 20 * HOUR_MS });
    const given = fc.record({
      reentryAfter: fc.option(ms.map(durationFromMs), { nil: undefined }),
      digest: fc.option(
        ms.map((one) => ({ window: { case: "after" as const, value: durationFromMs(one) } })),
        { nil: undefined },
      ),
      untilHour: fc.integer({ min: 0, max: 220 }),
    });
    fc.assert(
      fc.property(hours, given, (at, { untilHour, reentryAfter, digest }) => {
        const more = { ...(reentryAfter && { reentryAfter }), ...(digest && { digest }) };
        const one = simulate(more, at, { untilHour });
        expect(one.messages.length + one.conditionNotMet + one.merged + one.notAgainYet + one.waiting).toBe(at.length);
      }),
    );
  });
});

describe("triggers that become one message", () => {
  const momentsOf = (given: Given, hours: number[]) =>
    mergeTriggers(create(CampaignSchema, given), triggersAt(...hours), "Europe/Paris").map(
      ({ atMs, trigger }) => `${trigger.id} at ${(atMs - START_MS) / HOUR_MS}`,
    );
  const debounce = { wait: durationFromMs(HOUR_MS), maxWait: durationFromMs(2 * HOUR_MS) };
  test.each([
    ["each by itself", {}, [0, 1], ["e0 at 0", "e1 at 1"]],
    ["after a calm", { debounce }, [0, 0.5, 4], ["e0.5 at 1.5", "e4 at 5"]],
    ["at the latest after the longest wait", { debounce }, [0, 0.75, 1.5, 2.25], ["e1.5 at 2", "e2.25 at 3.25"]],
    [
      "after a window",
      { digest: { window: { case: "after", value: durationFromMs(3 * HOUR_MS) } } },
      [0, 2, 3],
      ["e2 at 3", "e3 at 6"],
    ],
    [
      "at a time of the user's day",
      { digest: { window: { case: "dailyAt", value: "18:00" } } },
      [0, 1, 5],
      ["e1 at 4", "e5 at 28"],
    ],
  ] as const)("%s", (_, given, hours, expected) => {
    expect(momentsOf(given as Given, [...hours])).toEqual(expected);
  });
});
