import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { Dimension } from "../../gen/intervention/v1/analytics_service_pb.js";
import {
  type AttributionService,
  ComparedCreditSchema,
  RecomputeCreditsResponseSchema,
} from "../../gen/intervention/v1/attribution_service_pb.js";
import { ModelComparison } from "../domain/attribution/compare-models.ts";
import { InvalidInput, NotFound } from "../domain/errors.ts";
import { creditOrders, findConversion, listConversionsOf, type Store, streamConversions } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields, text, withoutControlCharacters } from "./field-checks.ts";
import { type MinuteInterval, parseAsked, toDimensionName } from "./figures.ts";
import { USER_ID } from "./parse-trigger.ts";
import { requireParent } from "./resource-name.ts";
import { toConvertedOrder } from "./to-converted-order.ts";

/** What telling credits works with. */
export type AttributionParts = { readonly store: Store };

const LISTED_MAX = 100;
const RECOMPUTED_AT_ONCE = 200;
const orderSchema = z.object({ orderId: checked(text({ min: 1, max: 128 }), withoutControlCharacters) });
const userSchema = z.object({ userId: checked(...USER_ID) });
const GROUPS = [Dimension.CAMPAIGN, Dimension.CHANNEL, Dimension.VARIANT] as const;

/** Tells what orders are credited to. */
export function attributionService({ store }: AttributionParts): ServiceImpl<typeof AttributionService> {
  return {
    async getConversion(request, context) {
      const { workspace } = getService(context.values);
      const { orderId } = parseFields(orderSchema, request);
      const found = await findConversion(store, workspace.id, orderId);
      if (found === undefined) throw new NotFound("order", orderId);
      return { order: toConvertedOrder(found) };
    },
    async listConversions(request, context) {
      const { workspace } = getService(context.values);
      const { userId } = parseFields(userSchema, request);
      const found = await listConversionsOf(store, { workspaceId: workspace.id, userId, from: new Date(0) });
      found.sort((a, b) => b.at.getTime() - a.at.getTime());
      return { orders: found.slice(0, LISTED_MAX).map(toConvertedOrder) };
    },
    async compareModels(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const { interval } = parseAsked({ interval: request.interval });
      const by = toDimensionName(parseGroup(request.by));
      const span = toSpan(workspace.id, interval);
      const currency = request.currency === "" ? await findMainCurrency(store, span) : request.currency;
      const comparison = new ModelComparison();
      let orders = 0;
      const fields = { valueMinor: 1, refundedMinor: 1, currency: 1, path: 1, credits: 1 } as const;
      for await (const order of streamConversions(store, span, fields)) {
        if (order.currency !== currency) continue;
        orders += 1;
        const netMinor = order.valueMinor - order.refundedMinor;
        comparison.add({ netMinor, groups: order.path.map((touch) => touch[by]), credits: order.credits });
      }
      const { byGroup, unattributedMinor } = comparison.toResult();
      return {
        ...{ currency, orders: BigInt(orders), unattributedMinor: BigInt(unattributedMinor) },
        rows: [...byGroup].map(([value, models]) =>
          create(ComparedCreditSchema, {
            value,
            creditsMinor: Object.fromEntries([...models].map(([model, minor]) => [model, BigInt(minor)])),
          }),
        ),
      };
    },
    async *recomputeCredits(request, context) {
      const { workspace } = getService(context.values);
      requireParent(request.parent, workspace.id);
      const span = toSpan(workspace.id, parseAsked({ interval: request.interval }).interval);
      const orderIds: string[] = [];
      for await (const { orderId } of streamConversions(store, span, { orderId: 1 })) orderIds.push(orderId);
      for (let done = 0; done < orderIds.length && !context.signal.aborted; ) {
        await creditOrders(store, workspace.id, orderIds.slice(done, done + RECOMPUTED_AT_ONCE));
        done = Math.min(orderIds.length, done + RECOMPUTED_AT_ONCE);
        yield create(RecomputeCreditsResponseSchema, { done: BigInt(done), total: BigInt(orderIds.length) });
      }
    },
  };
}

const toSpan = (workspaceId: string, { fromMs, untilMs }: MinuteInterval) => ({
  ...{ workspaceId, from: new Date(fromMs), until: new Date(untilMs) },
});

function parseGroup(given: Dimension): Dimension {
  if (given === Dimension.UNSPECIFIED) return Dimension.CHANNEL;
  if (GROUPS.some((one) => one === given)) return given;
  throw new InvalidInput([{ field: "by", description: `${given} is not CAMPAIGN, CHANNEL or VARIANT` }]);
}

async function findMainCurrency(store: Store, span: ReturnType<typeof toSpan>): Promise<string> {
  const counts = new Map<string, number>();
  for await (const { currency } of streamConversions(store, span, { currency: 1 }))
    counts.set(currency, (counts.get(currency) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0]?.[0] ?? "";
}
