import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import {
  Answer,
  type ChannelChosen,
  type DecisionInput,
  type Outcome,
} from "../../../gen/intervention/v1/decision_pb.js";
import type { Assignment } from "../../../gen/intervention/v1/experiment_pb.js";
import type { Channel } from "../../../gen/intervention/v1/intervention_pb.js";

type StopOutcome = Outcome.SUPPRESS | Outcome.EXPIRE | Outcome.KEEP;

/** What one rule says, and what follows for the decision when it is not "go on". */
export type Finding =
  | {
      readonly answer: Answer.PASS;
      readonly reason: string;
      readonly channel?: Channel;
      readonly chosen?: ChannelChosen;
      readonly assignment?: Assignment;
    }
  | {
      readonly answer: Answer.STOP;
      readonly reason: string;
      readonly outcome: StopOutcome;
      readonly assignment?: Assignment;
    }
  | { readonly answer: Answer.DELAY; readonly reason: string; readonly until: Date };

/** One rule: pure, with the clock as it was.
 *  @param channel that was chosen; unspecified for the rules before that. */
export type Ask = (input: DecisionInput, now: Date, channel: Channel) => Finding;

export const pass = (reason: string) => ({ answer: Answer.PASS, reason }) as const;

export const stop = (reason: string, outcome: StopOutcome) => ({ answer: Answer.STOP, reason, outcome }) as const;

export const toDate = (time: Timestamp | undefined) => (time === undefined ? undefined : timestampDate(time));

export const iso = (date: Date) => date.toISOString();
