import type { Lane } from "../domain/limit/lane-chooser.ts";

/** What is urgent has a consumer of its own, so that it never waits behind a flood. */
const PRIORITIES = ["high", "normal", "low"] as const;
export type PriorityName = (typeof PRIORITIES)[number];

/** One of INTERVENTIONS: each has a consumer of its own. */
export type DecideLane = { readonly priority: PriorityName; readonly lane: Lane };

/** Together they take every message of INTERVENTIONS. */
export const DECIDE_LANES: readonly DecideLane[] = PRIORITIES.flatMap((priority) => [
  { priority, lane: "main" },
  { priority, lane: "bulk" },
]);

/** The durable consumer of a lane. */
export const toDecider = ({ priority, lane }: DecideLane) => `decide-${priority}${lane === "bulk" ? "-bulk" : ""}`;
