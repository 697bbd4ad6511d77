import { create } from "@bufbuild/protobuf";
import { durationMs, type Timestamp, timestampDate, timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { CampaignState } from "../../../gen/intervention/v1/campaign_pb.js";
import {
  Answer,
  type Decision,
  type DecisionInput,
  DecisionSchema,
  Outcome,
  Rule,
  type Verdict,
  VerdictSchema,
} from "../../../gen/intervention/v1/decision_pb.js";
import { Channel, FrequencyCap_Scope, QuietHours_Handling } from "../../../gen/intervention/v1/intervention_pb.js";
import { isStopped } from "../catalog/product-states.ts";
import { toOutsideChannel } from "../delivery/channel-names.ts";
import { chooseAddress } from "../delivery/choose-address.ts";
import { toPermitted, toProfileText } from "../profile/permitted-channels.ts";
import { findQuietEnd, parseTimeOfDay } from "../schedule/quiet-hours.ts";

/** What one rule says, and what follows for the decision when it is not "go on". */
type Finding =
  | { readonly answer: Answer.PASS; readonly reason: string; readonly channel?: Channel }
  | { readonly answer: Answer.STOP; readonly reason: string; readonly outcome: Outcome.SUPPRESS | Outcome.EXPIRE }
  | { readonly answer: Answer.DELAY; readonly reason: string; readonly until: Date };

/** The rules, in the order they are asked. */
const RULES: readonly (readonly [Rule, (input: DecisionInput, now: Date) => Finding])[] = [
  [Rule.EXPIRY, askExpiry],
  [Rule.DUPLICATE, askDuplicate],
  [Rule.CAMPAIGN_LIVE, askCampaignLive],
  [Rule.CONSENT, askConsent],
  [Rule.FREQUENCY_CAP, askFrequencyCap],
  [Rule.CHANNEL, askChannel],
  [Rule.QUIET_HOURS, askQuietHours],
];
/** Asked last, and only of what names products: so the answer is as fresh as the sending. */
const CATALOG_RULE = [Rule.CATALOG, askCatalog] as const;

/** The engine's answer for one intervention: a pure function of the recorded input, clock included, so that deciding again on
 *  it gives the same bytes. Stops at the first rule that does not say "go on"; every rule asked leaves its verdict. */
export function decide(input: DecisionInput): Decision {
  const now = toDate(input.now) ?? new Date(0);
  const verdicts: Verdict[] = [];
  const common = {
    workspace: input.workspace,
    interventionId: input.interventionId,
    round: input.round,
    decideTime: timestampFromDate(now),
  };
  let channel = Channel.UNSPECIFIED;
  for (const [rule, ask] of input.products === undefined ? RULES : [...RULES, CATALOG_RULE]) {
    // Only of what a campaign asked for.
    if (rule === Rule.CAMPAIGN_LIVE && input.trigger === undefined) continue;
    // What was decided before profiles were looked at decides again as it did then.
    if (rule === Rule.CONSENT && input.profile === undefined) continue;
    const finding = ask(input, now);
    verdicts.push(create(VerdictSchema, { rule, answer: finding.answer, reason: finding.reason }));
    if (finding.answer === Answer.STOP)
      return create(DecisionSchema, { ...common, outcome: finding.outcome, verdicts });
    if (finding.answer === Answer.DELAY)
      return create(DecisionSchema, {
        ...common,
        outcome: Outcome.DELAY,
        notBefore: timestampFromDate(finding.until),
        verdicts,
      });
    channel = finding.channel ?? channel;
  }
  return create(DecisionSchema, { ...common, outcome: Outcome.SEND, channel, verdicts });
}

function askExpiry({ expireTime }: DecisionInput, now: Date): Finding {
  const expiry = toDate(expireTime);
  if (expiry === undefined) return pass("never expires");
  if (expiry.getTime() <= now.getTime())
    return { answer: Answer.STOP, reason: `expired at ${iso(expiry)}`, outcome: Outcome.EXPIRE };
  return pass(`expires at ${iso(expiry)}`);
}

/** The store keeps one decision a round, so this verdict is recorded only where it is true: a second decision finds the first
 *  one in its place and is thrown away. */
function askDuplicate({ round }: DecisionInput): Finding {
  return pass(round === 0 ? "not decided before" : `round ${round}: the one before ended in a delay`);
}

const CAMPAIGN_STATES = {
  [CampaignState.UNSPECIFIED]: "not known",
  [CampaignState.DRAFT]: "a draft",
  [CampaignState.RUNNING]: "running",
  [CampaignState.PAUSED]: "paused",
  [CampaignState.ARCHIVED]: "archived",
} as const;

function askCampaignLive({ campaign, campaignState }: DecisionInput): Finding {
  const reason = `campaign "${campaign}" is ${CAMPAIGN_STATES[campaignState]}`;
  return campaignState === CampaignState.RUNNING
    ? pass(reason)
    : { answer: Answer.STOP, reason, outcome: Outcome.SUPPRESS };
}

function askConsent(input: DecisionInput): Finding {
  const { permitted, refused, unasked } = toPermitted(input);
  const knowing = toProfileText(input.profile);
  if (refused.length + unasked.length === 0) return pass(`the user has not said no; ${knowing}`);
  const said = [
    ...(refused.length === 0 ? [] : [`the user has said no to ${refused.join(" and ")}`]),
    ...(unasked.length === 0 ? [] : [`the user has not said yes to ${unasked.join(" and ")}`]),
  ];
  const reason = `${said.join(", ")}; ${knowing}`;
  return permitted.length === 0 ? { answer: Answer.STOP, reason, outcome: Outcome.SUPPRESS } : pass(reason);
}

function askFrequencyCap({ policy, priorSends, campaign }: DecisionInput): Finding {
  const cap = policy?.frequencyCap;
  if (cap === undefined) return pass("no cap");
  const windowS = cap.window === undefined ? 0 : durationMs(cap.window) / 1_000;
  const whose = cap.scope === FrequencyCap_Scope.CAMPAIGN ? `of campaign "${campaign}" to this user` : "to this user";
  const reason = `${priorSends.length} sent ${whose} in ${windowS} s, cap ${cap.max}`;
  return priorSends.length >= cap.max ? { answer: Answer.STOP, reason, outcome: Outcome.SUPPRESS } : pass(reason);
}

function askChannel(input: DecisionInput): Finding {
  const { hasLiveSocket } = input;
  const passedOver: string[] = [];
  for (const channel of toPermitted(input).permitted) {
    if (channel === Channel.REALTIME && hasLiveSocket)
      return { ...pass("realtime: the user has a live socket"), channel };
    if (channel === Channel.INBOX)
      return {
        ...pass(hasLiveSocket ? "inbox: as the policy prefers" : "inbox: the user has no live socket"),
        channel,
      };
    const name = toOutsideChannel(channel);
    if (name === undefined) continue;
    const chosen = chooseAddress(input, channel);
    const isProvided = input.providedChannels.includes(channel);
    if (chosen !== undefined && isProvided) {
      const address = chosen.address === "" ? "" : `the ${chosen.from} has an address, and `;
      return { ...pass(`${name}: ${address}the workspace has a provider`), channel };
    }
    const suppressed = input.suppressedAddresses.find((one) => one.channel === channel);
    const noAddress = suppressed === undefined ? "no address" : `its address is suppressed: ${suppressed.reason}`;
    passedOver.push(`${name} (${chosen === undefined ? noAddress : "no provider"})`);
  }
  const others = passedOver.length === 0 ? "" : ` but ${passedOver.join(", ")}`;
  return {
    answer: Answer.STOP,
    reason: `the user has no live socket, and no other channel is allowed${others}`,
    outcome: Outcome.SUPPRESS,
  };
}

function askQuietHours({ policy, recipient, profile, defaultTimeZone, expireTime }: DecisionInput, now: Date): Finding {
  const quiet = policy?.quietHours;
  if (quiet === undefined) return pass("no quiet hours");
  const timeZone = recipient?.timeZone || profile?.timeZone || defaultTimeZone;
  const hours = `${quiet.start}-${quiet.end} in ${timeZone}`;
  const start = parseTimeOfDay(quiet.start);
  const end = parseTimeOfDay(quiet.end);
  const until = start === undefined || end === undefined ? undefined : findQuietEnd(now, { start, end, timeZone });
  if (until === undefined) return pass(`not in quiet hours ${hours}`);
  if (quiet.handling === QuietHours_Handling.DROP)
    return { answer: Answer.STOP, reason: `in quiet hours ${hours}`, outcome: Outcome.SUPPRESS };
  const expiry = toDate(expireTime);
  if (expiry !== undefined && expiry.getTime() <= until.getTime())
    return {
      answer: Answer.STOP,
      reason: `in quiet hours ${hours} until ${iso(until)}, after its expiry at ${iso(expiry)}`,
      outcome: Outcome.EXPIRE,
    };
  return { answer: Answer.DELAY, reason: `in quiet hours ${hours} until ${iso(until)}`, until };
}

function askCatalog({ products }: DecisionInput): Finding {
  if (products === undefined) return pass("no products");
  const { available, gone } = products;
  const reason = [
    `${available.length} of ${available.length + gone.length} products can be had`,
    ...(gone.length === 0 ? [] : [`gone: ${gone.join(", ")}`]),
  ].join("; ");
  return isStopped(products) ? { answer: Answer.STOP, reason, outcome: Outcome.SUPPRESS } : pass(reason);
}

const pass = (reason: string) => ({ answer: Answer.PASS, reason }) as const;
const toDate = (time: Timestamp | undefined) => (time === undefined ? undefined : timestampDate(time));
const iso = (date: Date) => date.toISOString();

/** The bound in time of the sends a cap counts. */
export function toCapSince(input: Pick<DecisionInput, "policy" | "now">): Date | undefined {
  const cap = input.policy?.frequencyCap;
  if (cap === undefined || input.now === undefined) return undefined;
  return new Date(timestampMs(input.now) - (cap.window === undefined ? 0 : durationMs(cap.window)));
}
