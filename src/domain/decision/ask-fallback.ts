import { durationMs, type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type DecisionInput, Outcome } from "../../../gen/intervention/v1/decision_pb.js";
import { EventKind } from "../../../gen/intervention/v1/event_pb.js";
import { Success } from "../../../gen/intervention/v1/intervention_pb.js";
import { type Finding, pass, stop } from "./finding.ts";

const { DELIVERED, DISPLAYED, DISMISSED, CLICKED, CONVERTED, CANCELLED, COMPLAINED, UNSUBSCRIBED } = EventKind;

/** After these nobody wants more of it, whatever the chain waits for. */
const ENDS: readonly EventKind[] = [CANCELLED, COMPLAINED, UNSUBSCRIBED];

const SUCCESSES: Readonly<Record<Success, readonly EventKind[]>> = {
  [Success.UNSPECIFIED]: [],
  [Success.DELIVERED]: [DELIVERED, DISPLAYED, DISMISSED, CLICKED, CONVERTED],
  [Success.DISPLAYED]: [DISPLAYED, DISMISSED, CLICKED, CONVERTED],
  [Success.CLICKED]: [CLICKED, CONVERTED],
  [Success.CONVERTED]: [CONVERTED],
};

/** Whether what has become of a message is so much, or more. */
export const hasReached = (happened: ReadonlySet<EventKind>, reached: Success): boolean =>
  SUCCESSES[reached].some((kind) => happened.has(kind));

/** What can end a chain of fallbacks. */
export const ENDING_KINDS: readonly EventKind[] = [...ENDS, ...SUCCESSES[Success.DELIVERED]];

/** Was what was sent before not enough? Asked only in the round of a fallback. */
export function askFallback({ policy, fallback }: Pick<DecisionInput, "policy" | "fallback">): Finding {
  const step = policy?.fallbacks[(fallback?.step ?? 0) - 1];
  if (fallback === undefined || step === undefined) return pass("no fallback");
  const ending = [...ENDS, ...SUCCESSES[step.unless]].find((kind) => fallback.happened.includes(kind));
  if (ending !== undefined) return stop(`${toName(ending)}: no fallback is needed`, Outcome.KEEP);
  const afterS = step.after === undefined ? 0 : durationMs(step.after) / 1_000;
  return pass(`fallback ${fallback.step}: not ${Success[step.unless].toLowerCase()} within ${afterS} s`);
}

const toName = (kind: EventKind) => EventKind[kind].toLowerCase();

/** When the fallback after what is sent now is decided.
 *  @param step the fallback that is sent now; 0 for none. @returns undefined when there is none, or it would be too late. */
export function toFallbackTime(
  { policy, now, expireTime }: Pick<DecisionInput, "policy" | "now" | "expireTime">,
  step: number,
): Timestamp | undefined {
  const next = policy?.fallbacks[step];
  if (next?.after === undefined || now === undefined) return undefined;
  const atMs = timestampMs(now) + durationMs(next.after);
  return expireTime !== undefined && timestampMs(expireTime) <= atMs ? undefined : timestampFromMs(atMs);
}
