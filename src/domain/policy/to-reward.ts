import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Cost, Policy } from "../../../gen/intervention/v1/intervention_pb.js";

/** Something that happened to a message; of what people did only. */
export type Happened = { readonly kind: string; readonly occurredAt: Date };

const DEFAULT = { displayed: 0.1, clicked: 0.5, converted: 1 };
const WITHIN_MS = 86_400_000;

/** So long after a decision what happens counts, ms. */
export function toRewardWindowMs(policy: Policy | undefined): number {
  const within = policy?.channelChoice?.reward?.within;
  return within === undefined ? WITHIN_MS : durationMs(within);
}

/** The reward of a message by its policy: that of the best thing that its user did in time, 0 for a complaint or a wish for no more of
 *  it, minus its cost in units of what a reward of 1 is worth.
 *  @param happened what people did, conversions among it. @returns 0 to 1. */
export function toReward(
  policy: Policy | undefined,
  sent: { readonly decidedAt: Date; readonly cost: Cost | undefined },
  happened: readonly Happened[],
): number {
  const reward = policy?.channelChoice?.reward;
  const { displayed, clicked, converted } = reward ?? DEFAULT;
  const until = sent.decidedAt.getTime() + toRewardWindowMs(policy);
  const kinds = new Set(happened.filter(({ occurredAt }) => occurredAt.getTime() <= until).map(({ kind }) => kind));
  if (kinds.has("complained") || kinds.has("unsubscribed")) return 0;
  const best = Math.max(
    kinds.has("displayed") ? displayed : 0,
    kinds.has("clicked") ? clicked : 0,
    kinds.has("converted") ? converted : 0,
  );
  const { worth } = reward ?? {};
  const isComparable = worth !== undefined && worth.micros > 0n && worth.currency === sent.cost?.currency;
  const cost = isComparable ? Number(sent.cost?.micros) / Number(worth.micros) : 0;
  return Math.min(1, Math.max(0, best - cost));
}
