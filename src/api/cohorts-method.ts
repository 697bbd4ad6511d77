import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type Amount,
  AmountSchema,
  type AnalyticsService,
  CohortMonthSchema,
  CohortSchema,
} from "../../gen/intervention/v1/analytics_service_pb.js";
import { type CohortOrder, toCohorts } from "../domain/analytics/cohorts.ts";
import { streamConversions } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields, timestamp } from "./field-checks.ts";
import { type AnalyticsParts, parseTimeZone } from "./figure-points.ts";
import { requireParent } from "./resource-name.ts";

const YEARS_MAX = 10;
const bound = z.custom((value) => value !== undefined, { error: "it is missing" }).pipe(checked<Timestamp>(timestamp));
const spanSchema = z
  .object({ startTime: bound, endTime: bound })
  .refine(({ startTime, endTime }) => timestampMs(startTime) < timestampMs(endTime), {
    path: ["endTime"],
    error: "it is not after start_time",
  })
  .refine(({ startTime, endTime }) => timestampMs(endTime) - timestampMs(startTime) <= YEARS_MAX * 366 * 86_400_000, {
    path: ["endTime"],
    error: `it is more than ${YEARS_MAX} years after start_time`,
  });

/** Who came back, by the month of the first order. */
export function cohortsMethod(parts: AnalyticsParts): ServiceImpl<typeof AnalyticsService>["getCohorts"] {
  return async (request, context) => {
    const { workspace } = getService(context.values);
    requireParent(request.parent, workspace.id);
    const { startTime, endTime } = parseFields(spanSchema, request);
    const timeZone = parseTimeZone(request.timeZone, workspace.defaultTimeZone ?? parts.defaultTimeZone);
    const span = { workspaceId: workspace.id, from: timestampDate(startTime), until: timestampDate(endTime) };
    const orders: CohortOrder[] = [];
    const fields = { userId: 1, at: 1, valueMinor: 1, refundedMinor: 1, currency: 1 } as const;
    for await (const { at, ...order } of streamConversions(parts.store, span, fields))
      orders.push({ ...order, at: at.getTime() });
    const cohorts = toCohorts(orders, timeZone);
    const total = new Map<string, { revenueMinor: number; refundedMinor: number }>();
    for (const { currency, valueMinor, refundedMinor } of orders) {
      const sum = total.get(currency) ?? { revenueMinor: 0, refundedMinor: 0 };
      sum.revenueMinor += valueMinor - refundedMinor;
      sum.refundedMinor += refundedMinor;
      total.set(currency, sum);
    }
    return {
      orders: BigInt(orders.length),
      customers: BigInt(cohorts.reduce((sum, { customers }) => sum + customers, 0)),
      amounts: toAmountList(total),
      cohorts: cohorts.map(({ customers, month, months }) =>
        create(CohortSchema, {
          ...{ month, customers: BigInt(customers) },
          months: months.map((one) =>
            create(CohortMonthSchema, {
              ...{ offset: one.offset, customers: BigInt(one.customers), orders: BigInt(one.orders) },
              amounts: toAmountList(one.amounts),
            }),
          ),
        }),
      ),
    };
  };
}

const toAmountList = (
  amounts: ReadonlyMap<string, { readonly revenueMinor: number; readonly refundedMinor: number }>,
): Amount[] =>
  [...amounts].map(([currency, { revenueMinor, refundedMinor }]) =>
    create(AmountSchema, { currency, revenueMinor: BigInt(revenueMinor), refundedMinor: BigInt(refundedMinor) }),
  );
