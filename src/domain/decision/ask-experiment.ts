import { Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import type { ExperimentInput } from "../../../gen/intervention/v1/experiment_pb.js";
import { toAssignment } from "../experiment/to-assignment.ts";
import { type Ask, pass, stop } from "./finding.ts";

/** Which variant of an experiment does the user have? A holdout gets nothing, so that what sending brings can be told. */
export function toExperimentAsk(experiment: ExperimentInput): Ask {
  return () => {
    const { assignment, reason } = toAssignment(experiment);
    return { ...(assignment.holdout ? stop(reason, Outcome.SUPPRESS) : pass(reason)), assignment };
  };
}
