import { PredictionKind } from "../../../gen/intervention/v1/shopper_pb.js";

/** A purchase, as far as outcomes ask for it. */
export type PlacedOrder = { readonly placedAt: Date; readonly productIds: readonly string[] };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** After how long the outcome of a prediction is fixed, by its kind. Discount affinity has none: it would take an experiment. */
const HORIZONS_MS: Readonly<Partial<Record<PredictionKind, number>>> = {
  [PredictionKind.ABANDONMENT_RISK]: DAY_MS,
  [PredictionKind.CHURN]: 90 * DAY_MS,
  [PredictionKind.PURCHASE_INTENT]: DAY_MS,
  [PredictionKind.NEXT_BEST_PRODUCT]: 7 * DAY_MS,
};

/** How long to wait for what was foreseen; undefined for a kind that has no outcome. */
export const findHorizonMs = (kind: PredictionKind): number | undefined => HORIZONS_MS[kind];

/** The kinds that have outcomes. */
export const KINDS_WITH_OUTCOMES: readonly PredictionKind[] = Object.keys(HORIZONS_MS).map(Number);

/** Whether a prediction came true. Within its horizon, from its moment on (exclusive) to the end (inclusive):
 *  purchase intent, when anything was ordered; next best product, when that product was; abandonment risk and churn, when nothing was.
 *  @param orders of the user within the horizon; those outside of it are not looked at. */
export function toOutcome(
  {
    kind,
    productId,
    predictedAt,
  }: { readonly kind: PredictionKind; readonly productId: string; readonly predictedAt: Date },
  orders: readonly PlacedOrder[],
): boolean {
  const from = predictedAt.getTime();
  const until = from + (findHorizonMs(kind) ?? 0);
  const within = orders.filter(({ placedAt }) => placedAt.getTime() > from && placedAt.getTime() <= until);
  if (kind === PredictionKind.NEXT_BEST_PRODUCT) return within.some(({ productIds }) => productIds.includes(productId));
  return kind === PredictionKind.PURCHASE_INTENT ? within.length > 0 : within.length === 0;
}
