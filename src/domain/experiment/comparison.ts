import type { Guardrail, Metric } from "./experiment-plan.ts";
import type { Interval } from "./interval.ts";

/** One arm against the control in one goal. */
export type Comparison = {
  readonly arm: string;
  readonly metric: Metric;
  readonly result:
    | { readonly kind: "not_enough_data"; readonly reason: string }
    | (Interval & {
        readonly kind: "compared";
        readonly meanControl: number;
        readonly meanArm: number;
        readonly difference: number;
        /** (arm − control)/control with its interval; null when the control's mean is 0. */
        readonly lift: ({ readonly point: number } & Interval) | null;
        /** After allowing for every goal and arm; null where the interval does so itself (group-sequential). */
        readonly adjustedPValue: number | null;
        readonly claim: "better" | "worse" | "none";
      });
};

/** One arm against the control in one guardrail: `holds` when a harm beyond the margin is excluded, `harmed` when a harm is shown and
 *  one beyond the margin is not excluded, `open` otherwise. */
export type GuardrailResult = {
  readonly arm: string;
  readonly guardrail: Guardrail;
  readonly state: "holds" | "harmed" | "open";
  /** Relative to the control; null without enough data. */
  readonly lift: { readonly point: number; readonly ciLow: number; readonly ciHigh: number } | null;
};
