import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { ExperimentService, PlanSampleSizeRequest } from "../../gen/intervention/v1/experiment_service_pb.js";
import type { Cell } from "../domain/analytics/cell.ts";
import { SPAN_MS } from "../domain/analytics/span.ts";
import { InvalidInput } from "../domain/errors.ts";
import { planUsers, type Wanted } from "../domain/experiment/plan-users.ts";
import type { Store } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { type Check, checked, parseFields } from "./field-checks.ts";
import { loadCells, toTotal } from "./figures.ts";
import { ALPHA_DEFAULT, alphaOrDefault, campaignsSchema } from "./parse-experiment.ts";
import { requireParent } from "./resource-name.ts";

const TRAFFIC_DAYS = 14;
const POWER_DEFAULT = 0.8;
const VARIANTS_DEFAULT = 2;

/** A number between two others; 0 stands for the default. */
const between =
  (low: number, high: number): Check<number> =>
  (value) =>
    value === 0 || (value >= low && value <= high) ? undefined : `${value} is not in ${low} to ${high}`;

const planSchema = z.object({
  metric: z
    .custom<PlanSampleSizeRequest["metric"]>()
    .refine(({ case: of }) => of !== undefined, "it is missing; one of rate, mean is needed"),
  minimumLift: checked<number>((lift) =>
    lift !== 0 && lift > -1 && lift <= 10 ? undefined : `${lift} is 0, or not above -1 and up to 10`,
  ),
  alpha: checked(alphaOrDefault),
  power: checked(between(0.5, 0.99)),
  variantCount: checked(between(2, 10)),
  campaigns: campaignsSchema,
  traffic: checked<number>((traffic) => (traffic >= 0 && traffic <= 1 ? undefined : `${traffic} is not in 0 to 1`)),
});

/** Tells how many users it takes to find something. */
export function planMethod({ store, now }: { readonly store: Store; readonly now: () => Date }) {
  const plan: ServiceImpl<typeof ExperimentService>["planSampleSize"] = async (request, context) => {
    const { workspace } = getService(context.values);
    requireParent(request.parent, workspace.id);
    const asked = parseFields(planSchema, request);
    const variants = asked.variantCount || VARIANTS_DEFAULT;
    const { fixed, alwaysValid } = planUsers({
      ...{ metric: toMetric(asked.metric), lift: asked.minimumLift, variants },
      ...{ alpha: asked.alpha || ALPHA_DEFAULT, power: asked.power || POWER_DEFAULT },
    });
    const untilMs = Math.floor(now().getTime() / SPAN_MS.day) * SPAN_MS.day;
    const interval = { fromMs: untilMs - TRAFFIC_DAYS * SPAN_MS.day, untilMs };
    const selection = { segment: undefined, wants: toWanted(asked.campaigns) };
    const cells = await loadCells(store, workspace.id, interval, selection);
    const decisionsPerDay = countDecisions(toTotal(cells)) / TRAFFIC_DAYS;
    const perDay = decisionsPerDay * (asked.traffic || 1);
    const daysFor = (users: number) => (perDay === 0 ? 0 : Math.ceil((users * variants) / perDay));
    return {
      usersPerVariant: BigInt(fixed),
      usersPerVariantAlwaysValid: BigInt(alwaysValid),
      decisionsPerDay,
      days: daysFor(fixed),
      daysAlwaysValid: daysFor(alwaysValid),
      trafficSince: timestampFromMs(interval.fromMs),
    };
  };
  return plan;
}

/** @throws InvalidInput */
function toMetric(metric: PlanSampleSizeRequest["metric"]): Wanted["metric"] {
  const refuse = (field: string, description: string) => new InvalidInput([{ field, description }]);
  if (metric.case === "mean") {
    const { baseline, standardDeviation } = metric.value;
    if (baseline === 0 || !Number.isFinite(baseline))
      throw refuse("mean.baseline", `${baseline} is not a number but 0`);
    if (!(standardDeviation > 0 && Number.isFinite(standardDeviation)))
      throw refuse("mean.standard_deviation", `${standardDeviation} is not above 0`);
    return { kind: "mean", baseline, standardDeviation };
  }
  const baseline = metric.value?.baseline ?? 0;
  if (!(baseline > 0 && baseline < 1)) throw refuse("rate.baseline", `${baseline} is not between 0 and 1`);
  return { kind: "rate", baseline };
}

const toWanted =
  (campaigns: readonly string[]) =>
  ({ key: { campaign } }: Cell): boolean =>
    campaigns.length === 0 ? campaign !== "" : campaigns.includes(campaign);

/** What was delayed is decided again, and so is not counted here. */
const countDecisions = ({ counts }: Pick<Cell, "counts">) =>
  (counts.decided_send ?? 0) + (counts.decided_suppress ?? 0);
