import { create } from "@bufbuild/protobuf";
import { durationMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Exclusion } from "../../gen/intervention/v1/campaign_pb.js";
import { type ExclusionState, ExclusionStateSchema, Outcome, Rule } from "../../gen/intervention/v1/decision_pb.js";
import { decide } from "../domain/decision/decide.ts";
import {
  type ContestOf,
  claimContest,
  decisionId,
  enterContest,
  findDecisions,
  leaveContest,
  toDecision,
} from "../store/index.ts";
import type { Drafted } from "./budgets.ts";
import type { DecideOptions, ToDecide } from "./decide.ts";
import type { Standing } from "./decision-maker.ts";

type Parts = Pick<DecideOptions, "store" | "campaigns">;

/** What waits counts this much longer than it waits: whoever decides it may be late, and must not hold up the others for ever. */
const LATE_MS = 60_000;

async function findExclusion({ campaigns }: Parts, { message }: ToDecide): Promise<Exclusion | undefined> {
  const { trigger, workspace } = message;
  return trigger === undefined ? undefined : (await campaigns.findRules(workspace, trigger.campaign))?.exclusion;
}

const toContest = ({ message }: ToDecide, { group }: Exclusion, userId: string): ContestOf => ({
  workspaceId: message.workspace,
  group,
  userId,
});

/** Has campaigns of a group compete for the users that they are about to reach: one that has not waited yet for those above it does, and
 *  then one of them has the user. Costs nothing to whom no group is. */
export async function settleContests(parts: Parts, drafts: readonly Drafted[], now: Date): Promise<void> {
  // One after the other: several of a batch may be for the same user.
  for (const draft of drafts) {
    if (draft.decision.outcome !== Outcome.SEND) continue;
    const exclusion = await findExclusion(parts, draft.work);
    if (exclusion === undefined) continue;
    draft.input.exclusion = await settle(parts, draft, exclusion, now);
    draft.decision = decide(draft.input);
  }
}

async function settle(parts: Parts, draft: Drafted, exclusion: Exclusion, now: Date): Promise<ExclusionState> {
  const { store } = parts;
  const { work, userId } = draft;
  const { interventionId, trigger } = work.message;
  const of = toContest(work, exclusion, userId);
  const { rank, wait, window } = exclusion;
  const contender = { interventionId, campaignId: trigger?.campaign ?? "", rank };
  if (wait !== undefined && !(await hasWaited(parts, work))) {
    const waitUntil = new Date(now.getTime() + durationMs(wait));
    await enterContest(store, of, { ...contender, until: new Date(waitUntil.getTime() + LATE_MS) }, now);
    return create(ExclusionStateSchema, { waitUntil: timestampFromDate(waitUntil), exclusion });
  }
  const until = new Date(now.getTime() + (window === undefined ? 0 : durationMs(window)));
  const claimed = await claimContest(store, of, { ...contender, until }, now);
  return create(ExclusionStateSchema, {
    ...{ isGranted: claimed.isGranted, campaign: claimed.campaignId, exclusion },
    ...(claimed.until === undefined ? {} : { until: timestampFromDate(claimed.until) }),
  });
}

/** Whether it waited for others in a round before. A fallback need not: its user is its own already. */
async function hasWaited({ store }: Parts, { message }: ToDecide): Promise<boolean> {
  const { fallback, interventionId, round } = message;
  if (fallback > 0) return true;
  const rounds = Array.from({ length: round }, (_, before) => decisionId(interventionId, before));
  const found = rounds.length === 0 ? [] : await findDecisions(store, rounds);
  return found.some((document) => toDecision(document).verdicts.at(-1)?.rule === Rule.EXCLUSION);
}

/** Lets users go who were granted to what a budget stopped. */
export async function leaveStopped({ store }: Parts, drafts: readonly Drafted[]): Promise<void> {
  for (const { work, input, decision, userId } of drafts) {
    const { exclusion } = input;
    if (exclusion?.isGranted !== true || exclusion.exclusion === undefined || decision.outcome === Outcome.SEND)
      continue;
    await leaveContest(store, toContest(work, exclusion.exclusion, userId), work.message.interventionId);
  }
}

/** Lets users go who were taken for those that were not sent after all: a cap came first, or another decider decided otherwise. */
export async function leaveContests(
  parts: Parts,
  standing: readonly Standing[],
  { drafted, userOf }: { readonly drafted: ReadonlySet<string>; readonly userOf: (work: ToDecide) => string },
): Promise<void> {
  for (const { work, document } of standing) {
    if (document.outcome === "send" || !drafted.has(document._id)) continue;
    const exclusion = await findExclusion(parts, work);
    if (exclusion === undefined) continue;
    await leaveContest(parts.store, toContest(work, exclusion, userOf(work)), document.interventionId);
  }
}
