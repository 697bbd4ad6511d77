import type { Lane } from "../domain/limit/lane-chooser.ts";
import { PRIORITIES, type PriorityName } from "./subjects.ts";

/** One of INTERVENTIONS: each has a consumer of its own, so that what is urgent never waits behind a flood. */
export type DecideLane = { readonly priority: PriorityName; readonly lane: Lane };

/** Together they take every message of INTERVENTIONS. */
export const DECIDE_LANES: readonly DecideLane[] = PRIORITIES.flatMap((priority) => [
  { priority, lane: "main" },
  { priority, lane: "bulk" },
]);

/** The durable consumer of a lane. */
export const toDecider = ({ priority, lane }: DecideLane) => `decide-${priority}${lane === "bulk" ? "-bulk" : ""}`;
