import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import {
  Channel,
  FrequencyCap_Scope,
  Presentation_Kind,
  Priority,
  QuietHours_Handling,
  Success,
} from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { InvalidInput, NotFound } from "../domain/errors.ts";
import { parseTrigger } from "./parse-trigger.ts";

type Request = MessageInitShape<typeof TriggerRequestSchema>;

const good = { idempotencyKey: "k", recipient: { userId: "u" }, content: { title: "t" } } satisfies Request;

const parse = (request: Request, keyHeader?: string) =>
  parseTrigger(create(TriggerRequestSchema, request), { workspaceId: "main", keyHeader, newKey: () => "made up" });

function violationsOf(request: Request, keyHeader?: string): Record<string, string> {
  try {
    parse(request, keyHeader);
  } catch (error) {
    if (error instanceof InvalidInput)
      return Object.fromEntries(error.violations.map(({ field, description }) => [field, description]));
    throw error;
  }
  return {};
}

const content = (more: object): Request => ({ ...good, content: { title: "t", ...more } });
const recipient = (more: object): Request => ({ ...good, recipient: { userId: "u", ...more } });
const policy = (more: object): Request => ({ ...good, policy: more });
const actions = (...ids: string[]) => content({ actions: ids.map((id) => ({ id, label: "l" })) });
const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });
const seconds = (value: number) => ({ seconds: BigInt(value) });

const bad: readonly {
  readonly what: string;
  readonly request: Request;
  readonly field: string;
  readonly says: string | RegExp;
}[] = [
  {
    what: "no recipient",
    request: { content: { title: "t" } },
    field: "recipient",
    says: "it is missing; it says for whom this is",
  },
  {
    what: "no content",
    request: { recipient: { userId: "u" } },
    field: "content",
    says: "it is missing; it says what the user sees",
  },
  {
    what: "an empty user id",
    request: recipient({ userId: "" }),
    field: "recipient.user_id",
    says: "it is empty; 1 to 128 characters are needed",
  },
  {
    what: "a user id of 129 characters",
    request: recipient({ userId: "x".repeat(129) }),
    field: "recipient.user_id",
    says: /^"x{40}"… has more than 128 characters; 1 to 128 are allowed$/,
  },
  {
    what: "a user id with a line feed",
    request: recipient({ userId: "a\nb" }),
    field: "recipient.user_id",
    says: '"a\\nb" has a control character',
  },
  {
    what: "half a character",
    request: recipient({ userId: "a\ud800" }),
    field: "recipient.user_id",
    says: '"a\\ud800" is not well-formed Unicode',
  },
  {
    what: "a time zone that is none",
    request: recipient({ timeZone: "Mars/Base" }),
    field: "recipient.time_zone",
    says: '"Mars/Base" is not an IANA time zone such as "Europe/Paris"',
  },
  {
    what: "an offset for a time zone",
    request: recipient({ timeZone: "+02:00" }),
    field: "recipient.time_zone",
    says: /is not an IANA time zone/,
  },
  {
    what: "a locale that is none",
    request: recipient({ locale: "fr_CA!" }),
    field: "recipient.locale",
    says: '"fr_CA!" is not a BCP 47 tag such as "fr-CA"',
  },
  {
    what: "a key of 257 characters",
    request: { ...good, idempotencyKey: "k".repeat(257) },
    field: "idempotency_key",
    says: /has more than 256 characters/,
  },
  {
    what: "an empty title",
    request: content({ title: "" }),
    field: "content.title",
    says: "it is empty; 1 to 200 characters are needed",
  },
  {
    what: "a title of 201 characters",
    request: content({ title: "😀".repeat(201) }),
    field: "content.title",
    says: /has more than 200 characters/,
  },
  {
    what: "a body of 4,001 characters",
    request: content({ body: "b".repeat(4_001) }),
    field: "content.body",
    says: /has more than 4000 characters; up to 4000 are allowed/,
  },
  {
    what: "a script for an image",
    request: content({ imageUrl: "javascript:alert(1)" }),
    field: "content.image_url",
    says: '"javascript:alert(1)" is not an absolute http or https URL',
  },
  {
    what: "a relative image",
    request: content({ imageUrl: "/a.png" }),
    field: "content.image_url",
    says: /is not an absolute http/,
  },
  {
    what: "nine actions",
    request: actions("1", "2", "3", "4", "5", "6", "7", "8", "9"),
    field: "content.actions",
    says: "there are 9; up to 8 are allowed",
  },
  { what: "an action without id", request: actions("a", "b", ""), field: "content.actions[2].id", says: /it is empty/ },
  {
    what: "twenty-one products",
    request: content({ productIds: Array.from({ length: 21 }, String) }),
    field: "content.product_ids",
    says: "there are 21; up to 20 are allowed",
  },
  {
    what: "a product named twice",
    request: content({ productIds: ["a", "b", "a"] }),
    field: "content.product_ids[2]",
    says: '"a" is named twice',
  },
  {
    what: "a product without id",
    request: content({ productIds: [""] }),
    field: "content.product_ids[0]",
    says: /it is empty/,
  },
  {
    what: "a gone policy that is not known",
    request: content({ productIds: ["a"], gonePolicy: 9 }),
    field: "content.gone_policy",
    says: /^9 is not one of/,
  },
  {
    what: "a presentation that is not known",
    request: content({ presentation: { kind: 9 } }),
    field: "content.presentation.kind",
    says: /^9 is not one of/,
  },
  {
    what: "an inline message without a place",
    request: content({ presentation: { kind: Presentation_Kind.INLINE } }),
    field: "content.presentation.placement",
    says: /^"" is not 1 to 64 of a-z/,
  },
  {
    what: "a placement with markup in it",
    request: content({ presentation: { kind: Presentation_Kind.INLINE, placement: "<b>" } }),
    field: "content.presentation.placement",
    says: /^"<b>" is not 1 to 64 of a-z/,
  },
  {
    what: "a toast with a place",
    request: content({ presentation: { kind: Presentation_Kind.TOAST, placement: "home" } }),
    field: "content.presentation.placement",
    says: "it is for KIND_INLINE alone",
  },
  {
    what: "two actions of one id",
    request: actions("a", "b", "a"),
    field: "content.actions[2].id",
    says: '"a" is the id of actions[0] already; each needs its own',
  },
  {
    what: "an action that leads nowhere",
    request: content({ actions: [{ id: "a", label: "l", url: "http:" }] }),
    field: "content.actions[0].url",
    says: /is not an absolute/,
  },
  {
    what: "data of more than 16 KiB",
    request: content({ data: { a: "x".repeat(16_384) } }),
    field: "content.data",
    says: "it takes 16392 bytes as JSON; up to 16384 are allowed",
  },
  {
    what: "data nested 33 deep",
    request: content({ data: nested(33) }),
    field: "content.data",
    says: "it is nested more than 32 deep",
  },
  {
    what: "data with a number that JSON lacks",
    request: content({ data: { a: [Number.NaN] } }),
    field: "content.data",
    says: "NaN is no JSON number",
  },
  {
    what: "a campaign of 129 characters",
    request: { ...good, campaign: "c".repeat(129) },
    field: "campaign",
    says: /has more than 128 characters/,
  },
  {
    what: "a priority of a later version",
    request: { ...good, priority: 9 as Priority },
    field: "priority",
    says: /^9 is not one of PRIORITY_UNSPECIFIED, PRIORITY_LOW, PRIORITY_NORMAL, PRIORITY_HIGH$/,
  },
  {
    what: "a ttl of half a second",
    request: { ...good, expiration: { case: "ttl", value: { nanos: 500_000_000 } } },
    field: "ttl",
    says: "0.5 s is not in 1 s to 90 days",
  },
  {
    what: "a ttl of 91 days",
    request: { ...good, expiration: { case: "ttl", value: seconds(91 * 86_400) } },
    field: "ttl",
    says: /is not in 1 s to 90 days/,
  },
  {
    what: "an expiry beyond the year 9999",
    request: { ...good, expiration: { case: "expireTime", value: seconds(253_402_300_800) } },
    field: "expire_time",
    says: /is not a time in the years 1 to 9999/,
  },
  {
    what: "an unspecified channel",
    request: policy({ channels: [Channel.INBOX, 0] }),
    field: "policy.channels[1]",
    says: "CHANNEL_UNSPECIFIED is not one of CHANNEL_REALTIME, CHANNEL_INBOX, CHANNEL_EMAIL, CHANNEL_SMS, CHANNEL_PUSH, CHANNEL_WEBHOOK",
  },
  {
    what: "a channel named twice",
    request: policy({ channels: [Channel.INBOX, Channel.INBOX] }),
    field: "policy.channels[1]",
    says: "CHANNEL_INBOX is named twice",
  },
  {
    what: "five fallbacks",
    request: policy({ fallbacks: Array.from({ length: 5 }, () => ({ channel: Channel.PUSH })) }),
    field: "policy.fallbacks",
    says: "there are 5; up to 4 are allowed",
  },
  {
    what: "a fallback that does not say how long it waits",
    request: policy({ fallbacks: [{ channel: Channel.PUSH, unless: Success.DISPLAYED }] }),
    field: "policy.fallbacks[0].after",
    says: "it is missing; it says how long is waited",
  },
  {
    what: "a fallback that waits for nothing",
    request: policy({ fallbacks: [{ channel: Channel.PUSH, after: seconds(1) }] }),
    field: "policy.fallbacks[0].unless",
    says: "SUCCESS_UNSPECIFIED is not one of SUCCESS_DELIVERED, SUCCESS_DISPLAYED, SUCCESS_CLICKED, SUCCESS_CONVERTED",
  },
  {
    what: "a live socket as a fallback",
    request: policy({ fallbacks: [{ channel: Channel.REALTIME, after: seconds(1), unless: Success.DISPLAYED }] }),
    field: "policy.fallbacks[0].channel",
    says: "CHANNEL_REALTIME is no fallback; name it among the policy's channels",
  },
  {
    what: "two fallbacks on one channel",
    request: policy({
      fallbacks: [1, 2].map((n) => ({ channel: Channel.PUSH, after: seconds(n), unless: Success.DISPLAYED })),
    }),
    field: "policy.fallbacks[1].channel",
    says: "CHANNEL_PUSH is named twice",
  },
  {
    what: "more exploration than leaves room for a choice",
    request: policy({ channelChoice: { exploration: 0.2 } }),
    field: "policy.channel_choice.exploration",
    says: "0.2 is not in 0 to 0.1",
  },
  {
    what: "a way to choose that is not known",
    request: policy({ channelChoice: { method: 9 } }),
    field: "policy.channel_choice.method",
    says: "9 is not one of METHOD_UNSPECIFIED, METHOD_FIXED, METHOD_LEARNED",
  },
  {
    what: "a feature named twice",
    request: policy({ channelChoice: { segmentBy: [1, 1] } }),
    field: "policy.channel_choice.segment_by[1]",
    says: "1 is named twice",
  },
  {
    what: "a reward above one",
    request: policy({ channelChoice: { reward: { clicked: 2 } } }),
    field: "policy.channel_choice.reward.clicked",
    says: "2 is not in 0 to 1",
  },
  {
    what: "a reward that is worth nothing",
    request: policy({ channelChoice: { reward: { worth: { currency: "EUR" } } } }),
    field: "policy.channel_choice.reward.worth.micros",
    says: "it is 0; a reward needs a worth to compare costs with",
  },
  {
    what: "two bounds on costs in one currency",
    request: policy({ costMax: [{ currency: "EUR" }, { currency: "EUR" }] }),
    field: "policy.cost_max[1].currency",
    says: "EUR is named twice",
  },
  {
    what: "a cost below nothing",
    request: policy({ costMax: [{ currency: "EUR", micros: -1n }] }),
    field: "policy.cost_max[0].micros",
    says: "-1 is not in 0 to 1000000000",
  },
  {
    what: "a cap of none",
    request: policy({ frequencyCap: { max: 0, window: seconds(60) } }),
    field: "policy.frequency_cap.max",
    says: "0 is not in 1-100",
  },
  {
    what: "a cap without a window",
    request: policy({ frequencyCap: { max: 1 } }),
    field: "policy.frequency_cap.window",
    says: "it is missing; it says within how long is counted",
  },
  {
    what: "a cap of an unknown scope",
    request: policy({ frequencyCap: { max: 1, window: seconds(60), scope: 7 } }),
    field: "policy.frequency_cap.scope",
    says: /^7 is not one of SCOPE_UNSPECIFIED, SCOPE_USER, SCOPE_CAMPAIGN$/,
  },
  {
    what: "quiet hours from 25:00",
    request: policy({ quietHours: { start: "25:00", end: "07:00" } }),
    field: "policy.quiet_hours.start",
    says: '"25:00" is not HH:MM in 00:00-23:59',
  },
  {
    what: "quiet hours of no length",
    request: policy({ quietHours: { start: "07:00", end: "07:00" } }),
    field: "policy.quiet_hours.end",
    says: "it is the same as start; the hours need a length",
  },
];

describe("parsing a trigger", () => {
  test.each(bad)("refuses $what, naming $field alone", ({ request, field, says }) => {
    expect(violationsOf(request)).toEqual({ [field]: typeof says === "string" ? says : expect.stringMatching(says) });
  });

  it("names every bad field at once", () => {
    const request: Request = {
      recipient: { userId: "" },
      content: { title: "", actions: [{ id: "", label: "" }] },
      priority: 9 as Priority,
      policy: { quietHours: { start: "x", end: "y" } },
    };
    expect(new Set(Object.keys(violationsOf(request)))).toEqual(
      new Set([
        "content.actions[0].id",
        "content.actions[0].label",
        "content.title",
        "policy.quiet_hours.end",
        "policy.quiet_hours.start",
        "priority",
        "recipient.user_id",
      ]),
    );
  });

  it("fills in every default", () => {
    const parsed = parse({
      ...good,
      policy: { frequencyCap: { max: 1, window: seconds(60) }, quietHours: { start: "22:00", end: "07:00" } },
    });
    expect(parsed).toMatchObject({
      priority: Priority.NORMAL,
      campaign: "",
      expiration: { kind: "never" },
      policy: {
        channels: [Channel.REALTIME, Channel.INBOX],
        frequencyCap: { scope: FrequencyCap_Scope.USER },
        quietHours: { handling: QuietHours_Handling.DELAY },
      },
    });
  });

  it("counts characters and not their code units", () => {
    expect(violationsOf(content({ title: "😀".repeat(200) }))).toEqual({});
  });

  it("does not know a workspace other than the caller's", () => {
    expect(() => parse({ ...good, parent: "workspaces/other" })).toThrow(NotFound);
    expect(parse({ ...good, parent: "workspaces/main" }).idempotencyKey).toBe("k");
    expect(violationsOf({ ...good, parent: "main" })).toEqual({ parent: '"main" is not workspaces/{workspace}' });
  });
});

describe("the idempotency key", () => {
  const { idempotencyKey: _, ...keyless } = good;

  it("comes from the field, else from the header, else is made up", () => {
    expect(parse(good, "k").idempotencyKey).toBe("k");
    expect(parse(keyless, "h").idempotencyKey).toBe("h");
    expect(parse(keyless, '"quoted"').idempotencyKey).toBe("quoted");
    expect(parse(keyless).idempotencyKey).toBe("made up");
  });

  it("is refused when field and header disagree", () => {
    expect(violationsOf(good, "h")).toEqual({
      idempotency_key: '"k" is not the "h" of the header Idempotency-Key; send one of them',
    });
  });
});
