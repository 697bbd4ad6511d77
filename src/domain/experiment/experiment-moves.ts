import { ExperimentState } from "../../../gen/intervention/v1/experiment_pb.js";

/** What a caller may ask for, by its name in the API. */
export type ExperimentMove = "start" | "pause" | "resume" | "stop" | "archive";

type Move = {
  readonly from: readonly ExperimentState[];
  readonly to: ExperimentState;
};

/** draft ─start─► running ⇄ paused ─stop─► stopped ─archive─► archived; a draft may be archived too. Each is safe to repeat. */
const MOVES: Readonly<Record<ExperimentMove, Move>> = {
  start: { from: [ExperimentState.DRAFT], to: ExperimentState.RUNNING },
  pause: { from: [ExperimentState.RUNNING], to: ExperimentState.PAUSED },
  resume: { from: [ExperimentState.PAUSED], to: ExperimentState.RUNNING },
  stop: { from: [ExperimentState.RUNNING, ExperimentState.PAUSED], to: ExperimentState.STOPPED },
  archive: { from: [ExperimentState.DRAFT, ExperimentState.STOPPED], to: ExperimentState.ARCHIVED },
};

/** Where a move leads.
 *  @returns the state after it, or why there is none. */
export function moveExperiment(
  from: ExperimentState,
  move: ExperimentMove,
): { readonly kind: "moved"; readonly to: ExperimentState } | { readonly kind: "refused"; readonly reason: string } {
  const { from: allowed, to } = MOVES[move];
  if (from === to || allowed.includes(from)) return { kind: "moved", to };
  return { kind: "refused", reason: `the experiment ${toText(from)}: ${move} is for one that ${toTexts(allowed)}` };
}

/** Whether users may be in it: it assigns them, or keeps those that it has. */
export const isOpen = (state: ExperimentState): boolean =>
  state === ExperimentState.RUNNING || state === ExperimentState.PAUSED;

const TEXTS: Readonly<Record<ExperimentState, string>> = {
  [ExperimentState.UNSPECIFIED]: "has no state",
  [ExperimentState.DRAFT]: "is a draft",
  [ExperimentState.RUNNING]: "is running",
  [ExperimentState.PAUSED]: "is paused",
  [ExperimentState.STOPPED]: "is stopped, which is for ever",
  [ExperimentState.ARCHIVED]: "is archived, which is for ever",
};
const toText = (state: ExperimentState) => TEXTS[state];
const toTexts = (states: readonly ExperimentState[]) => states.map((state) => TEXTS[state].split(",")[0]).join(" or ");
