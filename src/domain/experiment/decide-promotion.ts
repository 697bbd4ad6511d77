import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Experiment } from "../../../gen/intervention/v1/experiment_pb.js";
import type { Report } from "./to-report.ts";

/** What is to become of an experiment that ends by itself, and why in words. */
export type Promotion =
  | { readonly action: "wait"; readonly reason: string }
  | { readonly action: "pause"; readonly reason: string }
  | { readonly action: "ship"; readonly variant: string; readonly reason: string };

const DAY_MS = 86_400_000;
const AFTER_MS = 7 * DAY_MS;
const USERS_MIN = 1_000;

/** Decides by the experiment's own rules and by nothing that its report does not claim: a variant is shipped that is better in the
 *  first goal, worse in none, and holds every guardrail, after the time and with the users that were asked for. */
export function decidePromotion(
  { autoPromotion, startTime, variants }: Experiment,
  { analysis, arms }: Report,
  nowMs: number,
): Promotion {
  const { comparisons, promotable, verdict } = analysis;
  const said = verdict.sentences.join(" ");
  if (verdict.kind === "blocked") return { action: "wait", reason: said };
  if (verdict.kind === "harm" && autoPromotion?.pauseOnHarm === true) return { action: "pause", reason: said };
  const afterMs = autoPromotion?.after === undefined ? AFTER_MS : durationMs(autoPromotion.after);
  const ageMs = nowMs - (startTime === undefined ? nowMs : timestampMs(startTime));
  if (ageMs < afterMs) return { action: "wait", reason: `it has run for ${toDays(ageMs)} of ${toDays(afterMs)}` };
  const usersMin = Number(autoPromotion?.usersMin ?? 0n) || USERS_MIN;
  const treated = new Set(variants.filter(({ holdout }) => !holdout).map(({ variantId }) => variantId));
  const fewest = arms.filter(({ name }) => treated.has(name)).toSorted((a, b) => a.users - b.users)[0];
  if (fewest === undefined || fewest.users < usersMin)
    return { action: "wait", reason: `"${fewest?.name}" has ${fewest?.users} of ${usersMin} users that are measured` };
  const pointOf = (arm: string) => {
    const first = comparisons.find((one) => one.arm === arm);
    if (first?.result.kind !== "compared") return Number.NEGATIVE_INFINITY;
    return first.metric.better === "higher" ? first.result.difference : -first.result.difference;
  };
  const [best, ...others] = promotable.toSorted((a, b) => pointOf(b) - pointOf(a));
  if (best === undefined) return { action: "wait", reason: said };
  const among = others.length === 0 ? "" : ` It does best so far of ${promotable.length} that may be shipped.`;
  return { action: "ship", variant: best, reason: `${said}${among}` };
}

const toDays = (ms: number) => `${Math.floor((10 * ms) / DAY_MS) / 10} days`;
