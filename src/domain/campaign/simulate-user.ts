import { create } from "@bufbuild/protobuf";
import { durationMs, timestampDate, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Campaign, CampaignState, type TriggerSource } from "../../../gen/intervention/v1/campaign_pb.js";
import {
  type Decision,
  type DecisionInput,
  DecisionInputSchema,
  Outcome,
} from "../../../gen/intervention/v1/decision_pb.js";
import { FrequencyCap_Scope } from "../../../gen/intervention/v1/intervention_pb.js";
import type { CompiledCondition, Facts } from "../condition/compile-condition.ts";
import { toCapSince } from "../decision/ask-frequency-cap.ts";
import { decide } from "../decision/decide.ts";
import { mergeTriggers } from "./merge-triggers.ts";

/** Something recorded that a campaign waits for, with what was known then. */
export type RecordedTrigger = {
  /** The id of the prediction or event; empty for an audience. */
  readonly id: string;
  readonly atMs: number;
  readonly facts: Omit<Facts, "now">;
  readonly source: TriggerSource;
};

/** Something that was sent to a user. */
export type RecordedSend = { readonly interventionId: string; readonly campaign: string; readonly decidedAt: Date };

/** A message that a campaign would have asked for. */
export type SimulatedMessage = { readonly trigger: RecordedTrigger; readonly decision: Decision };

/** What a campaign would have done with one user. */
export type SimulatedUser = {
  readonly messages: readonly SimulatedMessage[];
  readonly conditionNotMet: number;
  readonly merged: number;
  readonly notAgainYet: number;
  readonly waiting: number;
};

/** What is known of a user, and of how things are. */
export type SimulateOptions = {
  readonly condition: CompiledCondition | undefined;
  /** All that a decision looks at but what differs from message to message. */
  readonly known: DecisionInput;
  /** The user's clock. */
  readonly timeZone: string;
  /** What others sent him, in any order. */
  readonly sends: readonly RecordedSend[];
  readonly untilMs: number;
};

/** A message that waits again and again is left waiting. */
const ROUNDS_MAX = 20;

/** What a campaign would have done with what was recorded of a user, in the order of time: the condition, the debounce or digest, the
 *  reentry, and then the very function that decides what is sent.
 *  @param triggers in any order. */
export function simulateUser(
  campaign: Campaign,
  triggers: readonly RecordedTrigger[],
  options: SimulateOptions,
): SimulatedUser {
  const { condition } = options;
  const met = triggers
    .filter(({ facts, atMs }) => condition === undefined || condition.test({ ...facts, now: new Date(atMs) }) === true)
    .toSorted((a, b) => a.atMs - b.atMs);
  const moments = mergeTriggers(campaign, met, options.timeZone);
  const due = moments.filter(({ atMs }) => atMs <= options.untilMs);
  const sends = [...options.sends];
  const messages: SimulatedMessage[] = [];
  let [notAgainYet, waiting, enteredMs] = [0, moments.length - due.length, Number.NEGATIVE_INFINITY];
  for (const [index, { atMs, trigger }] of due.entries()) {
    const { reentryAfter } = campaign;
    if (reentryAfter !== undefined && enteredMs > atMs - durationMs(reentryAfter)) {
      notAgainYet += 1;
      continue;
    }
    enteredMs = atMs;
    const interventionId = `simulated-${index}`;
    const decision = decideAll(campaign, { interventionId, atMs, trigger, sends }, options);
    if (decision === undefined) waiting += 1;
    else {
      messages.push({ trigger, decision });
      if (decision.outcome === Outcome.SEND && decision.decideTime !== undefined)
        sends.push({ interventionId, campaign: campaign.campaignId, decidedAt: timestampDate(decision.decideTime) });
    }
  }
  const merged = met.length - moments.length;
  return { messages, conditionNotMet: triggers.length - met.length, merged, notAgainYet, waiting };
}

type Asked = {
  readonly interventionId: string;
  readonly atMs: number;
  readonly trigger: RecordedTrigger;
  readonly sends: readonly RecordedSend[];
};

/** Decides, and again when it was put off. @returns undefined when it would still wait. */
function decideAll(campaign: Campaign, asked: Asked, { known, untilMs }: SimulateOptions): Decision | undefined {
  let nowMs = asked.atMs;
  for (let round = 0; round < ROUNDS_MAX && nowMs <= untilMs; round += 1) {
    const decision = decide(toInput(campaign, asked, { known, nowMs, round }));
    if (decision.outcome !== Outcome.DELAY || decision.notBefore === undefined) return decision;
    nowMs = timestampMs(decision.notBefore);
  }
  return undefined;
}

function toInput(
  campaign: Campaign,
  { interventionId, atMs, trigger, sends }: Asked,
  { known, nowMs, round }: { readonly known: DecisionInput; readonly nowMs: number; readonly round: number },
): DecisionInput {
  const { ttl, policy } = campaign;
  const input = create(DecisionInputSchema, {
    ...known,
    ...{ interventionId, round, campaign: campaign.campaignId, trigger: trigger.source, now: timestampFromMs(nowMs) },
    ...{ campaignState: CampaignState.RUNNING },
    ...(policy === undefined ? {} : { policy }),
    ...(ttl === undefined ? {} : { expireTime: timestampFromMs(atMs + durationMs(ttl)) }),
  });
  const since = toCapSince(input);
  const cap = policy?.frequencyCap;
  if (since === undefined || cap === undefined) return input;
  const isCounted = (send: RecordedSend) =>
    send.decidedAt > since &&
    send.decidedAt.getTime() <= nowMs &&
    (cap.scope !== FrequencyCap_Scope.CAMPAIGN || send.campaign === campaign.campaignId);
  input.priorSends = sends
    .filter(isCounted)
    .toSorted((a, b) => b.decidedAt.getTime() - a.decidedAt.getTime())
    .slice(0, cap.max)
    .map((send) => ({
      $typeName: "intervention.v1.DecisionInput.PriorSend",
      interventionId: send.interventionId,
      decideTime: timestampFromMs(send.decidedAt.getTime()),
    }));
  return input;
}
