import { create } from "@bufbuild/protobuf";
import { type Duration, durationFromMs, durationMs, type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import {
  type Campaign,
  CampaignSchema,
  type CampaignTrigger,
  CampaignTriggerSchema,
  CreditWindowsSchema,
  DebounceSchema,
  type Digest,
  ReviewRule,
  ReviewRuleSchema,
} from "../../gen/intervention/v1/campaign_pb.js";
import { ContentSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { type Journey, SendStepSchema } from "../../gen/intervention/v1/journey_pb.js";
import { PredictionKindSchema, ShopEventKindSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { compileCondition } from "../domain/condition/compile-condition.ts";
import { InvalidInput } from "../domain/errors.ts";
import {
  checked,
  currency,
  durationBetween,
  gatherViolations,
  memberOf,
  parseFields,
  show,
  text,
  timeOfDay,
  timestamp,
  wholeNumber,
  withoutControlCharacters,
} from "./field-checks.ts";
import { checkAudience } from "./parse-audience.ts";
import { parseJourney } from "./parse-journey.ts";
import { parseTrigger } from "./parse-trigger.ts";
import { isSegmentId } from "./segment-name.ts";

/** The fields of a campaign that its caller sets. */
export type CampaignFields = Pick<
  Campaign,
  | "displayName"
  | "trigger"
  | "condition"
  | "content"
  | "template"
  | "policy"
  | "priority"
  | "ttl"
  | "expireTime"
  | "debounce"
  | "digest"
  | "reentryAfter"
  | "creditWindows"
  | "reviewRule"
  | "startTime"
  | "journey"
  | "budget"
  | "dropOnOrder"
  | "exclusion"
>;

const DAY_S = 86_400;
const WAIT = { minS: 0.1, maxS: DAY_S, allowed: "100 ms to 1 day" };
const MAX_WAITS = 10;

const CREDITED = { minS: 1, maxS: 30 * DAY_S, allowed: "1 s to 30 days" };

const GROUP = /^[a-z0-9][a-z0-9-]{0,62}$/;
const MESSAGES_MAX = 1_000_000_000n;
/** A billion units: sums of it are whole numbers without loss. */
const COST_MICROS_MAX = 1_000_000_000_000_000n;

const triggerSchema = checked<CampaignTrigger>(({ on }) => {
  switch (on.case) {
    case undefined:
      return "it is none of prediction, event, segment_entered, segment_left, audience; one of them is needed";
    case "event":
      return memberOf(ShopEventKindSchema, { allowUnspecified: false })(on.value);
    case "prediction":
      return memberOf(PredictionKindSchema, { allowUnspecified: false })(on.value);
    case "audience":
      // It has fields of its own.
      return undefined;
    default:
      return isSegmentId(on.value) ? undefined : `${show(on.value)} is not a segment's id`;
  }
});

const campaignSchema = z.object({
  displayName: checked(text({ min: 1, max: 200 }), withoutControlCharacters),
  trigger: z
    .custom((value) => value !== undefined, { error: "it is missing; it says what the campaign waits for" })
    .pipe(triggerSchema),
  expireTime: checked<Timestamp>(timestamp).optional(),
  startTime: checked<Timestamp>(timestamp).optional(),
  reviewRule: checked<ReviewRule>(memberOf(ReviewRuleSchema, { allowUnspecified: true })),
  dropOnOrder: z.boolean(),
  exclusion: z
    .object({
      group: checked<string>((group) =>
        GROUP.test(group) ? undefined : `${show(group)} is not 1 to 63 of a-z, 0-9 and -`,
      ),
      window: z
        .custom((value) => value !== undefined, { error: "it is missing; it says how long one message is enough" })
        .pipe(checked<Duration>(durationBetween({ minS: 1, maxS: 90 * DAY_S, allowed: "1 s to 90 days" }))),
      rank: checked<number>(wholeNumber({ min: 0, max: 100 })),
      wait: checked<Duration>(durationBetween({ minS: 0.1, maxS: DAY_S, allowed: "100 ms to 1 day" })).optional(),
    })
    .optional(),
  budget: z
    .object({
      messagesMax: checked<bigint>((max) =>
        max >= 0n && max <= MESSAGES_MAX ? undefined : `${max} is not in 0-${MESSAGES_MAX}`,
      ),
      costMax: z
        .object({
          currency: checked(currency),
          micros: checked<bigint>((micros) =>
            micros > 0n && micros <= COST_MICROS_MAX ? undefined : `${micros} is not in 1-${COST_MICROS_MAX}`,
          ),
        })
        .optional(),
    })
    .refine(({ messagesMax, costMax }) => messagesMax > 0n || costMax !== undefined, {
      error: "it bounds nothing; one of messages_max, cost_max is needed",
    })
    .optional(),
  reentryAfter: checked<Duration>(
    durationBetween({ minS: 1, maxS: 366 * DAY_S, allowed: "1 s to 366 days" }),
  ).optional(),
  digest: checked<Digest>(({ window }) => {
    if (window.case === "dailyAt") return timeOfDay(window.value);
    if (window.case === undefined) return "it has no window; one of after, daily_at is needed";
    return durationBetween({ minS: 1, maxS: 31 * DAY_S, allowed: "1 s to 31 days" })(window.value);
  }).optional(),
  creditWindows: z
    .object({
      click: checked<Duration>(durationBetween(CREDITED)).optional(),
      view: checked<Duration>(durationBetween(CREDITED)).optional(),
      clicksOnly: z.boolean(),
    })
    .refine(({ view, clicksOnly }) => view === undefined || !clicksOnly, {
      path: ["view"],
      error: "there is a window though only clicks count",
    })
    .optional(),
  debounce: z
    .object({
      wait: z
        .custom((value) => value !== undefined, { error: "it is missing; it says how long must be calm" })
        .pipe(checked<Duration>(durationBetween(WAIT))),
      maxWait: checked<Duration>(durationBetween(WAIT)).optional(),
    })
    .refine(({ wait, maxWait }) => maxWait === undefined || durationMs(maxWait) >= durationMs(wait), {
      path: ["maxWait"],
      error: "it is shorter than wait",
    })
    .optional(),
});

/** Makes what a caller sets of a campaign safe to rely on, with every default filled in.
 *  @throws InvalidInput naming every bad field, below `campaign`. */
export function parseCampaign(campaign: Campaign): CampaignFields {
  const { attempt, violations } = gatherViolations();
  const fields = attempt(() => parseFields(campaignSchema, campaign));
  // What is sent obeys the same rules as in a Trigger call.
  const sent = attempt(() => parseSent(campaign.journey === undefined ? campaign : { ...campaign, ...OF_ITS_STEPS }));
  const journey = attempt(() => parseOwnJourney(campaign));
  attempt(() => checkCondition(campaign));
  attempt(() => checkAudience(campaign));
  if (campaign.digest !== undefined && campaign.debounce !== undefined)
    violations.push({ field: "digest", description: "there is a debounce too; one of them is allowed" });
  if (fields !== undefined && !isInOrder(fields))
    violations.push({ field: "start_time", description: "it is not before expire_time" });
  if (fields === undefined || sent === undefined || violations.length > 0)
    throw new InvalidInput(violations.map(({ field, description }) => ({ field: `campaign.${field}`, description })));
  const { debounce, trigger, creditWindows, ...rest } = fields;
  return create(CampaignSchema, {
    displayName: rest.displayName,
    trigger: create(CampaignTriggerSchema, { on: trigger.on }),
    ...(journey === undefined ? toSaid(sent) : { journey }),
    policy: sent.policy,
    priority: sent.priority,
    ...(campaign.condition === undefined ? {} : { condition: campaign.condition }),
    ...(campaign.ttl === undefined ? {} : { ttl: campaign.ttl }),
    ...(rest.expireTime === undefined ? {} : { expireTime: rest.expireTime }),
    ...(rest.startTime === undefined ? {} : { startTime: rest.startTime }),
    reviewRule: rest.reviewRule || ReviewRule.OPTIONAL,
    dropOnOrder: rest.dropOnOrder,
    ...(campaign.exclusion === undefined ? {} : { exclusion: campaign.exclusion }),
    ...(campaign.budget === undefined ? {} : { budget: campaign.budget }),
    ...(rest.digest === undefined ? {} : { digest: rest.digest }),
    ...(rest.reentryAfter === undefined ? {} : { reentryAfter: rest.reentryAfter }),
    ...(creditWindows === undefined ? {} : { creditWindows: create(CreditWindowsSchema, toGiven(creditWindows)) }),
    ...(debounce === undefined
      ? {}
      : {
          debounce: create(DebounceSchema, {
            wait: debounce.wait,
            maxWait: debounce.maxWait ?? toMaxWait(debounce.wait),
          }),
        }),
  });
}

type Sent = Pick<Campaign, "content" | "template" | "policy" | "priority" | "ttl">;

const parseSent = (said: Sent) => parseTrigger(toTriggerRequest(said), { workspaceId: "", newKey: () => "key" });

/** Stands for what is said where the steps of a journey say it. */
const OF_ITS_STEPS = { content: create(ContentSchema, { title: "-" }) };

const toSaid = ({ template, content }: ReturnType<typeof parseSent>) =>
  template === undefined ? { content } : { template };

/** @throws InvalidInput */
function parseOwnJourney(campaign: Campaign): Journey | undefined {
  const { journey, content, template } = campaign;
  if (journey === undefined) return undefined;
  const violations = Object.entries({ content, template }).flatMap(([field, value]) =>
    value === undefined ? [] : [{ field, description: "there is a journey, whose steps say what is sent" }],
  );
  if (violations.length > 0) throw new InvalidInput(violations);
  return parseJourney(journey, (send) => {
    const { content: _, template: __, ...rest } = campaign;
    const own = { content: send.content, template: send.template, policy: send.policy ?? campaign.policy };
    const sent = parseSent({ ...rest, ...own } as Sent);
    return create(SendStepSchema, { ...toSaid(sent), ...(send.policy === undefined ? {} : { policy: sent.policy }) });
  });
}

type Span = { readonly startTime?: Timestamp | undefined; readonly expireTime?: Timestamp | undefined };

const isInOrder = ({ startTime, expireTime }: Span) =>
  startTime === undefined || expireTime === undefined || timestampMs(startTime) < timestampMs(expireTime);

const toGiven = ({ click, view, clicksOnly }: NonNullable<z.output<typeof campaignSchema>["creditWindows"]>) => ({
  ...{ clicksOnly },
  ...(click === undefined ? {} : { click }),
  ...(view === undefined ? {} : { view }),
});

const toMaxWait = (wait: Duration) => durationFromMs(Math.min(durationMs(wait) * MAX_WAITS, DAY_S * 1_000));

function toTriggerRequest({ content, template, policy, priority, ttl }: Sent) {
  return create(TriggerRequestSchema, {
    recipient: { userId: "anybody" },
    priority,
    ...(content === undefined ? {} : { content }),
    ...(template === undefined ? {} : { template }),
    ...(policy === undefined ? {} : { policy }),
    ...(ttl === undefined ? {} : { expiration: { case: "ttl", value: ttl } }),
  });
}

/** What triggers decides what there is to look at. */
function checkCondition({ condition, trigger }: Campaign): void {
  if (condition === undefined) return;
  const { roots } = compileCondition(condition);
  for (const absent of ["prediction", "event"] as const) {
    if (absent === trigger?.on.case || !roots.has(absent)) continue;
    const description = `it looks at ${absent}, and no ${absent} triggers this campaign`;
    throw new InvalidInput([{ field: "condition", description }]);
  }
}
