import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { CampaignState } from "../../../gen/intervention/v1/campaign_pb.js";
import {
  Answer,
  type DecisionInput,
  DecisionInputSchema,
  DecisionSchema,
  Outcome,
  Rule,
} from "../../../gen/intervention/v1/decision_pb.js";
import {
  Channel,
  FrequencyCap_Scope,
  GonePolicy,
  QuietHours_Handling,
} from "../../../gen/intervention/v1/intervention_pb.js";
import {
  ConsentStatus,
  ContactChannel,
  ProfileFallback,
  ProfileSource,
  Purpose,
} from "../../../gen/intervention/v1/profile_pb.js";
import { decide } from "./decide.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
/** The plain-object form that `create` takes. */
type Init = Extract<MessageInitShape<typeof DecisionInputSchema>, { $typeName?: never }>;

const after = (ms: number) => timestampFromDate(new Date(NOW.getTime() + ms));
const day = { seconds: 86_400n };

function input(changes: Init = {}): DecisionInput {
  return create(DecisionInputSchema, {
    workspace: "main",
    interventionId: "i1",
    recipient: { userId: "ada" },
    policy: {},
    now: after(0),
    hasLiveSocket: true,
    defaultTimeZone: "UTC",
    ...changes,
  });
}

const prior = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ interventionId: `p${i}`, decideTime: after(-i) }));

const cases: readonly [string, Init, Outcome, Channel, Rule][] = [
  ["goes to the live socket", {}, Outcome.SEND, Channel.REALTIME, Rule.QUIET_HOURS],
  ["goes to the inbox without one", { hasLiveSocket: false }, Outcome.SEND, Channel.INBOX, Rule.QUIET_HOURS],
  [
    "goes to the inbox first if the policy says so",
    { policy: { channels: [Channel.INBOX, Channel.REALTIME] } },
    Outcome.SEND,
    Channel.INBOX,
    Rule.QUIET_HOURS,
  ],
  [
    "is not sent when only a socket is allowed and there is none",
    { hasLiveSocket: false, policy: { channels: [Channel.REALTIME] } },
    Outcome.SUPPRESS,
    Channel.UNSPECIFIED,
    Rule.CHANNEL,
  ],
  ["expires at its very time", { expireTime: after(0) }, Outcome.EXPIRE, Channel.UNSPECIFIED, Rule.EXPIRY],
  [
    "is sent a millisecond before it expires",
    { expireTime: after(1) },
    Outcome.SEND,
    Channel.REALTIME,
    Rule.QUIET_HOURS,
  ],
  [
    "is sent while its campaign runs",
    { campaign: "spring", trigger: { campaign: "spring" }, campaignState: CampaignState.RUNNING },
    Outcome.SEND,
    Channel.REALTIME,
    Rule.QUIET_HOURS,
  ],
  [
    "is not sent when its campaign was paused meanwhile",
    { campaign: "spring", trigger: { campaign: "spring" }, campaignState: CampaignState.PAUSED },
    Outcome.SUPPRESS,
    Channel.UNSPECIFIED,
    Rule.CAMPAIGN_LIVE,
  ],
  [
    "is sent below the cap",
    { policy: { frequencyCap: { max: 3, window: day } }, priorSends: prior(2) },
    Outcome.SEND,
    Channel.REALTIME,
    Rule.QUIET_HOURS,
  ],
  [
    "is not sent at the cap",
    { policy: { frequencyCap: { max: 3, window: day } }, priorSends: prior(3) },
    Outcome.SUPPRESS,
    Channel.UNSPECIFIED,
    Rule.FREQUENCY_CAP,
  ],
  [
    "waits for the end of quiet hours",
    { policy: { quietHours: { start: "11:00", end: "13:00" } } },
    Outcome.DELAY,
    Channel.UNSPECIFIED,
    Rule.QUIET_HOURS,
  ],
  [
    "waits by the user's own clock",
    { recipient: { userId: "ada", timeZone: "Asia/Tokyo" }, policy: { quietHours: { start: "20:00", end: "08:00" } } },
    Outcome.DELAY,
    Channel.UNSPECIFIED,
    Rule.QUIET_HOURS,
  ],
  ...(
    [
      ["waits for the end of the user's own quiet hours", {}, Outcome.DELAY],
      ["is not kept back by them as a service message", { purpose: Purpose.SERVICE }, Outcome.SEND],
      [
        "is dropped in the policy's quiet hours whatever the user's own",
        { quietHours: { start: "11:00", end: "12:30", handling: QuietHours_Handling.DROP } },
        Outcome.SUPPRESS,
      ],
    ] as const
  ).map(([what, policy, outcome]): (typeof cases)[number] => [
    what,
    { policy, profile: { quietHours: { start: "11:00", end: "13:00" } } },
    outcome,
    outcome === Outcome.SEND ? Channel.REALTIME : Channel.UNSPECIFIED,
    Rule.QUIET_HOURS,
  ]),
  [
    "is dropped in quiet hours if the policy says so",
    { policy: { quietHours: { start: "11:00", end: "13:00", handling: QuietHours_Handling.DROP } } },
    Outcome.SUPPRESS,
    Channel.UNSPECIFIED,
    Rule.QUIET_HOURS,
  ],
  [
    "expires when quiet hours outlast it",
    { expireTime: after(60_000), policy: { quietHours: { start: "11:00", end: "13:00" } } },
    Outcome.EXPIRE,
    Channel.UNSPECIFIED,
    Rule.QUIET_HOURS,
  ],
];

const granted = (channel: ContactChannel) => ({
  ...{ channel, purpose: Purpose.MARKETING, status: ConsentStatus.GRANTED },
});
const mail = { channel: ContactChannel.EMAIL, address: "ada@example.com" };
const byMail = { policy: { channels: [Channel.EMAIL, Channel.INBOX] }, providedChannels: [Channel.EMAIL] };

describe("deciding for a provider", () => {
  const { EMAIL, INBOX, WEBHOOK, UNSPECIFIED } = Channel;
  const own = { source: ProfileSource.OWN };
  test.each<[string, Init, Channel, string]>([
    [
      "goes to the profile's address after a yes",
      { ...byMail, profile: { ...own, addresses: [mail], consents: [granted(ContactChannel.EMAIL)] } },
      EMAIL,
      "email: the profile has an address, and the workspace has a provider",
    ],
    [
      "goes to the request's own address",
      {
        ...byMail,
        recipient: { userId: "ada", addresses: [mail] },
        profile: { ...own, consents: [granted(ContactChannel.EMAIL)] },
      },
      EMAIL,
      "email: the request has an address, and the workspace has a provider",
    ],
    [
      "is marketing, and nobody has said yes",
      { ...byMail, profile: { ...own, addresses: [mail] } },
      INBOX,
      "inbox: as the policy prefers",
    ],
    [
      "serves the user, who has not said no",
      {
        ...byMail,
        policy: { ...byMail.policy, purpose: Purpose.SERVICE },
        profile: { ...own, addresses: [mail] },
      },
      EMAIL,
      "email: the profile has an address, and the workspace has a provider",
    ],
    [
      "has no address",
      { ...byMail, policy: { channels: [EMAIL], purpose: Purpose.SERVICE }, profile: own },
      UNSPECIFIED,
      "the user has no live socket, and no other channel is allowed but email (no address)",
    ],
    [
      "has no provider",
      {
        policy: { channels: [EMAIL], purpose: Purpose.SERVICE },
        profile: { ...own, addresses: [mail] },
      },
      UNSPECIFIED,
      "the user has no live socket, and no other channel is allowed but email (no provider)",
    ],
    [
      "is for a system of the shop's own, which needs no address and no consent",
      { policy: { channels: [WEBHOOK] }, providedChannels: [WEBHOOK], profile: own },
      WEBHOOK,
      "webhook: the workspace has a provider",
    ],
  ])("%s", (_, changes, channel, reason) => {
    const decision = decide(input(changes));
    expect(decision.channel).toBe(channel);
    expect(decision.verdicts.find(({ rule }) => rule === Rule.CHANNEL)?.reason).toBe(reason);
  });

  it("tells that marketing waits for a yes", () => {
    const decision = decide(input({ policy: { channels: [EMAIL] }, profile: { ...own, addresses: [mail] } }));
    expect(decision.verdicts.at(-1)).toMatchObject({
      rule: Rule.CONSENT,
      answer: Answer.STOP,
      reason: "the user has not said yes to marketing by email; profile of our own",
    });
  });
});

const denied = (channel: ContactChannel, purpose = Purpose.MARKETING) => ({
  ...{ channel, purpose, status: ConsentStatus.DENIED },
});
const { REALTIME, INBOX, EMAIL } = ContactChannel;

const profileCases: readonly [string, Init, Outcome, Channel, Rule][] = [
  [
    "passes over a channel that its user has said no to",
    { profile: { consents: [denied(REALTIME)] } },
    Outcome.SEND,
    Channel.INBOX,
    Rule.QUIET_HOURS,
  ],
  [
    "is not sent to a user who has said no to both",
    { profile: { consents: [denied(REALTIME), denied(INBOX)] } },
    Outcome.SUPPRESS,
    Channel.UNSPECIFIED,
    Rule.CONSENT,
  ],
  [
    "is not sent when the only channel it may take was said no to",
    { policy: { channels: [Channel.INBOX] }, profile: { consents: [denied(INBOX)] } },
    Outcome.SUPPRESS,
    Channel.UNSPECIFIED,
    Rule.CONSENT,
  ],
  [
    "that the user needs to know is sent though marketing was said no to",
    { policy: { purpose: Purpose.SERVICE }, profile: { consents: [denied(REALTIME), denied(INBOX)] } },
    Outcome.SEND,
    Channel.REALTIME,
    Rule.QUIET_HOURS,
  ],
  [
    "does not care about a no to email",
    { profile: { consents: [denied(EMAIL)] } },
    Outcome.SEND,
    Channel.REALTIME,
    Rule.QUIET_HOURS,
  ],
  [
    "waits by the clock of the profile",
    { profile: { timeZone: "Asia/Tokyo" }, policy: { quietHours: { start: "20:00", end: "08:00" } } },
    Outcome.DELAY,
    Channel.UNSPECIFIED,
    Rule.QUIET_HOURS,
  ],
  [
    "waits by the recipient's own clock rather than the profile's",
    {
      recipient: { userId: "ada", timeZone: "Europe/London" },
      profile: { timeZone: "Asia/Tokyo" },
      policy: { quietHours: { start: "20:00", end: "08:00" } },
    },
    Outcome.SEND,
    Channel.REALTIME,
    Rule.QUIET_HOURS,
  ],
];

describe("an intervention for a user of whom something is known", () => {
  test.each(profileCases)("%s", (_, changes, outcome, channel, lastRule) => {
    const decision = decide(input(changes));
    expect([decision.outcome, decision.channel, decision.verdicts.at(-1)?.rule]).toEqual([outcome, channel, lastRule]);
  });

  it("says what it knew, and why it knew no better", () => {
    const profile = { source: ProfileSource.OWN, fallback: ProfileFallback.TIMEOUT, consents: [denied(REALTIME)] };
    expect(decide(input({ profile })).verdicts.find(({ rule }) => rule === Rule.CONSENT)?.reason).toBe(
      "the user has said no to marketing by realtime; profile of our own, as data intelligence did not answer in time",
    );
  });

  it("that was decided before profiles were looked at is not asked about consent when it is decided again", () => {
    expect(decide(input()).verdicts.map(({ rule }) => rule)).not.toContain(Rule.CONSENT);
  });
});

describe("an intervention", () => {
  test.each(cases)("%s", (_, changes, outcome, channel, lastRule) => {
    const decision = decide(input(changes));
    expect(decision.outcome).toBe(outcome);
    expect(decision.channel).toBe(channel);
    expect(decision.verdicts.at(-1)?.rule).toBe(lastRule);
  });

  it("keeps the verdict of every rule asked, in order, each with its reason", () => {
    const decision = decide(
      input({
        policy: {
          frequencyCap: { max: 2, window: day, scope: FrequencyCap_Scope.CAMPAIGN },
          quietHours: { start: "22:00", end: "08:00" },
        },
        campaign: "spring",
        priorSends: prior(1),
      }),
    );
    expect(decision.verdicts.map(({ rule, answer, reason }) => [rule, answer, reason])).toEqual([
      [Rule.EXPIRY, Answer.PASS, "never expires"],
      [Rule.DUPLICATE, Answer.PASS, "not decided before"],
      [Rule.FREQUENCY_CAP, Answer.PASS, '1 sent of campaign "spring" to this user in 86400 s, cap 2'],
      [Rule.CHANNEL, Answer.PASS, "realtime: the user has a live socket"],
      [Rule.QUIET_HOURS, Answer.PASS, "not in quiet hours 22:00-08:00 in UTC"],
    ]);
  });

  describe("about products", () => {
    const products = (gonePolicy: GonePolicy, available: number, gone: number): Init => ({
      products: {
        gonePolicy,
        available: Array.from({ length: available }, (_, i) => ({ productId: `p${i}` })),
        gone: Array.from({ length: gone }, (_, i) => `g${i}`),
      },
    });

    test.each([
      ["is sent when all can be had", GonePolicy.STOP, 2, 0, Outcome.SEND],
      ["is sent without those that are gone", GonePolicy.LEAVE_OUT, 1, 1, Outcome.SEND],
      ["is sent without any when all are gone", GonePolicy.LEAVE_OUT, 0, 2, Outcome.SEND],
      ["is stopped by one that is gone if the policy says so", GonePolicy.STOP, 1, 1, Outcome.SUPPRESS],
      ["is sent while one is left", GonePolicy.STOP_WHEN_NONE_LEFT, 1, 2, Outcome.SEND],
      ["is stopped when none is left", GonePolicy.STOP_WHEN_NONE_LEFT, 0, 2, Outcome.SUPPRESS],
    ] as const)("%s", (_, policy, available, gone, outcome) => {
      const decision = decide(input(products(policy, available, gone)));
      expect(decision.outcome).toBe(outcome);
      expect(decision.verdicts.at(-1)?.rule).toBe(Rule.CATALOG);
    });

    it("says what is gone", () => {
      const { verdicts } = decide(input(products(GonePolicy.STOP, 1, 2)));
      expect(verdicts.at(-1)).toMatchObject({
        answer: Answer.STOP,
        reason: "1 of 3 products can be had; gone: g0, g1",
      });
    });

    it("waits for the end of quiet hours before the catalogue is asked", () => {
      const decision = decide(
        input({ ...products(GonePolicy.STOP, 0, 1), policy: { quietHours: { start: "11:00", end: "13:00" } } }),
      );
      expect(decision.outcome).toBe(Outcome.DELAY);
    });

    it("is not asked about the catalogue when it names none", () => {
      expect(decide(input()).verdicts.map(({ rule }) => rule)).not.toContain(Rule.CATALOG);
    });
  });

  it("is decided again at the end of the quiet hours", () => {
    const decision = decide(input({ policy: { quietHours: { start: "11:00", end: "13:00" } } }));
    expect(decision.notBefore).toEqual(timestampFromDate(new Date("2026-06-01T13:00:00Z")));
  });

  test.each([
    ["10:00", "14:00", "14:00"],
    ["11:30", "12:30", "13:00"],
    ["12:30", "20:00", "13:00"],
  ])("waits for the later end when the user's own are %s to %s", (start, end, until) => {
    const quietHours = { start: "11:00", end: "13:00" };
    const decision = decide(input({ policy: { quietHours }, profile: { quietHours: { start, end } } }));
    expect(decision.notBefore).toEqual(timestampFromDate(new Date(`2026-06-01T${until}:00Z`)));
  });

  it("gives the same bytes when decided again on its recorded input", () => {
    const inputs = fc.record({
      expireTime: fc.option(fc.integer({ min: -5_000, max: 100_000_000 }).map(after), { nil: undefined }),
      hasLiveSocket: fc.boolean(),
      sends: fc.integer({ min: 0, max: 5 }),
      cap: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      zone: fc.constantFrom("", "Asia/Tokyo", "America/New_York"),
      products: fc.option(
        fc.record({
          gonePolicy: fc.constantFrom(GonePolicy.LEAVE_OUT, GonePolicy.STOP, GonePolicy.STOP_WHEN_NONE_LEFT),
          available: fc.array(fc.record({ productId: fc.string(), stock: fc.nat() }), { maxLength: 3 }),
          gone: fc.array(fc.string(), { maxLength: 3 }),
        }),
        { nil: undefined },
      ),
      quiet: fc.option(fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 23 })), { nil: undefined }),
    });
    const clock = (hour: number) => `${String(hour).padStart(2, "0")}:00`;
    fc.assert(
      fc.property(inputs, ({ expireTime, hasLiveSocket, sends, cap, zone, quiet, products }) => {
        const original = input({
          ...(expireTime === undefined ? {} : { expireTime }),
          ...(products === undefined ? {} : { products }),
          hasLiveSocket,
          priorSends: prior(sends),
          recipient: { userId: "ada", timeZone: zone },
          policy: {
            ...(cap === undefined ? {} : { frequencyCap: { max: cap, window: day } }),
            ...(quiet === undefined ? {} : { quietHours: { start: clock(quiet[0]), end: clock(quiet[1]) } }),
          },
        });
        const first = toBinary(DecisionSchema, decide(original));
        const again = toBinary(
          DecisionSchema,
          decide(fromBinary(DecisionInputSchema, toBinary(DecisionInputSchema, original))),
        );
        expect(again).toEqual(first);
      }),
    );
  });
});

describe("what a template says", () => {
  const template = { template: "cart", version: 3, channels: [Channel.INBOX, Channel.EMAIL], variant: "fr" };
  const reasonsOf = (changes: Init) => decide(input(changes)).verdicts.map(({ rule, reason }) => [rule, reason]);

  it("goes only by channels that it has a part for", () => {
    expect(decide(input({ template }))).toMatchObject({ outcome: Outcome.SEND, channel: Channel.INBOX });
    const policy = { channels: [Channel.REALTIME] };
    expect(reasonsOf({ template, policy })).toContainEqual([
      Rule.CHANNEL,
      "no channel can be used but realtime (the template has no part for it)",
    ]);
    expect(reasonsOf({ template, policy, hasLiveSocket: false })).toContainEqual([
      Rule.CHANNEL,
      "the user has no live socket, and no other channel is allowed but realtime (the template has no part for it)",
    ]);
  });

  it("is not sent when it can't be rendered, whatever the products are like, and says why", () => {
    const problem = "variables.name: it is missing";
    const decision = decide(input({ template: { ...template, problem }, products: { available: [], gone: [] } }));
    expect(decision).toMatchObject({ outcome: Outcome.SUPPRESS });
    expect(decision.verdicts.at(-1)).toMatchObject({
      rule: Rule.TEMPLATE,
      answer: Answer.STOP,
      reason: `template "cart" version 3 can't be rendered: ${problem}`,
    });
  });

  it("is asked about after all but the products", () => {
    const rules = decide(input({ template, products: { available: [], gone: [] } })).verdicts.map(({ rule }) => rule);
    expect(rules.slice(-2)).toEqual([Rule.TEMPLATE, Rule.CATALOG]);
    expect(reasonsOf({ template })).toContainEqual([Rule.TEMPLATE, 'template "cart" version 3, variant "fr"']);
    expect(reasonsOf({}).map(([rule]) => rule)).not.toContain(Rule.TEMPLATE);
  });
});
