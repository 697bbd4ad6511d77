import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Campaign, CampaignState, ReviewRule } from "../../../gen/intervention/v1/campaign_pb.js";

/** What moves a campaign from state to state. `start` is what its start time does; `resume` is somebody's own doing. */
export const CAMPAIGN_MOVES = [
  "submit",
  "approve",
  "return",
  "schedule",
  "start",
  "resume",
  "pause",
  "complete",
  "archive",
] as const;
export type CampaignMove = (typeof CAMPAIGN_MOVES)[number];

const { DRAFT, REVIEW, SCHEDULED, RUNNING, PAUSED, COMPLETED, ARCHIVED } = CampaignState;

/** Every move there is, by the state that it leads from:
 *
 *     draft ──► review ──► scheduled ──► running ◄──► paused        (return: back to draft, but from running)
 *                                           └──► completed ──► archived
 *
 *  A move into the state that a campaign is in already is allowed and does nothing, so that a call can be repeated. */
const TABLE: Readonly<Record<CampaignState, Partial<Record<CampaignMove, CampaignState>>>> = {
  [CampaignState.UNSPECIFIED]: {},
  [DRAFT]: { submit: REVIEW, return: DRAFT, schedule: SCHEDULED, resume: RUNNING, archive: ARCHIVED },
  [REVIEW]: { submit: REVIEW, approve: SCHEDULED, return: DRAFT, archive: ARCHIVED },
  [SCHEDULED]: {
    ...{ approve: SCHEDULED, schedule: SCHEDULED, return: DRAFT, start: RUNNING, resume: RUNNING },
    ...{ complete: COMPLETED, archive: ARCHIVED },
  },
  [RUNNING]: { start: RUNNING, resume: RUNNING, pause: PAUSED, complete: COMPLETED, archive: ARCHIVED },
  [PAUSED]: { resume: RUNNING, pause: PAUSED, return: DRAFT, complete: COMPLETED, archive: ARCHIVED },
  [COMPLETED]: { complete: COMPLETED, archive: ARCHIVED },
  [ARCHIVED]: { archive: ARCHIVED },
};

const STATE_NAMES: Readonly<Record<CampaignState, string>> = {
  [CampaignState.UNSPECIFIED]: "not known",
  [DRAFT]: "a draft",
  [REVIEW]: "in review",
  [SCHEDULED]: "scheduled",
  [RUNNING]: "running",
  [PAUSED]: "paused",
  [COMPLETED]: "completed",
  [ARCHIVED]: "archived",
};

const MOVE_NAMES: Readonly<Record<CampaignMove, string>> = {
  submit: "submitted",
  approve: "approved",
  return: "returned to draft",
  schedule: "scheduled",
  start: "started",
  resume: "resumed",
  pause: "paused",
  complete: "completed",
  archive: "archived",
};

/** A state, to be read after "is". */
export const toStateName = (state: CampaignState): string => STATE_NAMES[state];

type Standing = Pick<Campaign, "state" | "reviewRule">;

const isReviewed = ({ reviewRule }: Pick<Campaign, "reviewRule">) =>
  reviewRule === ReviewRule.REQUIRED || reviewRule === ReviewRule.BY_ANOTHER;

/** The state that a move leads to, or why it does not. */
export function moveCampaign(campaign: Standing, move: CampaignMove): { state: CampaignState } | { refusal: string } {
  const { state } = campaign;
  const to = TABLE[state][move];
  if (to === undefined) {
    const open = CAMPAIGN_MOVES.filter((one) => one !== "start" && (TABLE[state][one] ?? state) !== state);
    const allowed = open.length === 0 ? "it can only be duplicated" : `it can be ${toList(open.map(toMoveName))}`;
    return { refusal: `the campaign is ${toStateName(state)} and can't be ${MOVE_NAMES[move]}: ${allowed}` };
  }
  if (state === DRAFT && (to === SCHEDULED || to === RUNNING) && isReviewed(campaign))
    return { refusal: `the campaign is a draft that must be reviewed, and can't be ${MOVE_NAMES[move]}: submit it` };
  return { state: to };
}

/** Why a campaign can't be changed; undefined when it can. */
export function findChangeRefusal(campaign: Standing): string | undefined {
  const { state } = campaign;
  if (state === ARCHIVED || state === COMPLETED)
    return `the campaign is ${toStateName(state)} and stays as it is: duplicate it`;
  if (state === REVIEW) return "the campaign is in review and can't be changed: return it to draft";
  if (state !== DRAFT && isReviewed(campaign))
    return "the campaign was approved as it is and can't be changed: return it to draft";
  return undefined;
}

type Timed = Pick<Campaign, "state" | "startTime" | "expireTime">;

/** What time does to a campaign, and from when on; undefined: nothing. */
function findTimed({ state, startTime, expireTime }: Timed): { move: "start" | "complete"; atMs: number } | undefined {
  const startMs = state === SCHEDULED && startTime !== undefined ? timestampMs(startTime) : Number.POSITIVE_INFINITY;
  const endMs =
    TABLE[state].complete === undefined || state === COMPLETED || expireTime === undefined
      ? Number.POSITIVE_INFINITY
      : timestampMs(expireTime);
  const atMs = Math.min(startMs, endMs);
  return Number.isFinite(atMs) ? { move: startMs < endMs ? "start" : "complete", atMs } : undefined;
}

/** When time moves a campaign next, ms since 1970; undefined: never. */
export const findNextMove = (campaign: Timed): number | undefined => findTimed(campaign)?.atMs;

/** The state that a campaign is in by now. What should have started and ended meanwhile has started, and then ended. */
export function toStateAt(campaign: Standing & Timed, nowMs: number): CampaignState {
  const timed = findTimed(campaign);
  if (timed === undefined || timed.atMs > nowMs) return campaign.state;
  const moved = moveCampaign(campaign, timed.move);
  return "refusal" in moved ? campaign.state : toStateAt({ ...campaign, state: moved.state }, nowMs);
}

const toMoveName = (move: CampaignMove) => MOVE_NAMES[move];

const toList = (names: readonly string[]) =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
