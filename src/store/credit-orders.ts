import { creditOrder, WINDOWS } from "../domain/attribution/credit-order.ts";
import type { Store } from "./connect-store.ts";
import {
  type ConversionDocument,
  conversionId,
  findOrderEvents,
  findTouches,
  listConversionsOf,
  putConversions,
  toConversionSlice,
} from "./conversions.ts";
import { findCreditWindows } from "./credit-windows.ts";
import { type EventDocument, toTouchKey } from "./events.ts";
import { findProfileOutlines, profileId } from "./profiles.ts";

/** Whom an order is credited for. */
type Order = { readonly workspaceId: string; readonly orderId: string };

/** Credits the orders that stored events tell something new of: the orders themselves, their refunds, and those that follow what a user
 *  saw or clicked. Each is reckoned from all that is stored, so that order, repetition and lateness make no difference. */
export async function creditAll(store: Store, events: readonly EventDocument[]): Promise<void> {
  const orders = new Map<string, Order>();
  const add = (order: Order) => orders.set(conversionId(order.workspaceId, order.orderId), order);
  for (const { kind, workspaceId, orderId } of events)
    if ((kind === "converted" || kind === "refunded") && orderId !== undefined) add({ workspaceId, orderId });
  for (const order of await listFollowing(store, events)) add(order);
  for (const [workspaceId, some] of Map.groupBy(orders.values(), (order) => order.workspaceId))
    await creditOrders(
      store,
      workspaceId,
      some.map(({ orderId }) => orderId),
    );
}

/** The orders that touches may have led to: most touches come before theirs. */
async function listFollowing(store: Store, events: readonly EventDocument[]): Promise<Order[]> {
  const earliest = new Map<string, EventDocument>();
  for (const event of events) {
    if (event.touchOf === undefined) continue;
    const known = earliest.get(event.touchOf);
    if (known === undefined || event.occurredAt < known.occurredAt) earliest.set(event.touchOf, event);
  }
  const found = await Promise.all(
    [...earliest.values()].map(({ workspaceId, userId, occurredAt }) =>
      listOrdersOf(store, { workspaceId, userId, from: occurredAt }),
    ),
  );
  return found.flat().map(({ workspaceId, orderId }) => ({ workspaceId, orderId }));
}

/** No campaign's window is longer. */
const WINDOW_MS_MAX = 30 * 86_400_000;
/** More rounds than this would need as many touches or refunds of one order, each stored between a look at them and the next. */
const ROUNDS_MAX = 50;

/** Reckons these orders of a workspace anew, and again until what is written is what is reckoned after the writing: what another recorder
 *  stores in between may be credited by it before this one writes, and would be written over. */
export async function creditOrders(store: Store, workspaceId: string, orderIds: readonly string[]): Promise<void> {
  const written = new Map<string, string>();
  let open = orderIds;
  for (let round = 0; open.length > 0; round += 1) {
    if (round === ROUNDS_MAX)
      throw new Error(`the credits of ${open.length} orders change as fast as they are reckoned`);
    const reckoned = (await reckonOrders(store, workspaceId, open)).map((one) => ({ one, text: JSON.stringify(one) }));
    const changed = reckoned.filter(({ one, text }) => written.get(one.orderId) !== text);
    await putConversions(
      store,
      changed.map(({ one }) => one),
    );
    for (const { one, text } of changed) written.set(one.orderId, text);
    open = changed.map(({ one }) => one.orderId);
  }
}

async function reckonOrders(
  store: Store,
  workspaceId: string,
  orderIds: readonly string[],
): Promise<ConversionDocument[]> {
  const told = await findOrderEvents(store, workspaceId, orderIds);
  const byOrder = Map.groupBy(told, ({ orderId }) => orderId ?? "");
  const conversions: ConversionDocument[] = [];
  for (const [orderId, events] of byOrder) {
    const order = events.find(({ kind }) => kind === "converted");
    // A refund that comes before its order waits for it here.
    if (order === undefined) continue;
    conversions.push(await credit(store, { workspaceId, orderId, order, events }));
  }
  return conversions;
}

async function credit(
  store: Store,
  told: {
    readonly workspaceId: string;
    readonly orderId: string;
    readonly order: EventDocument;
    readonly events: readonly EventDocument[];
  },
): Promise<ConversionDocument> {
  const { workspaceId, orderId, order, events } = told;
  const { userId, occurredAt, currency = "", valueMinor = 0 } = order;
  const refunds = events.filter((event) => event.kind === "refunded" && event.currency === currency);
  const refundedMinor = Math.min(
    valueMinor,
    refunds.reduce((sum, refund) => sum + (refund.valueMinor ?? 0), 0),
  );
  const ids = await idsOf(store, workspaceId, userId);
  const touches = await findTouches(
    store,
    ids.map((id) => toTouchKey(workspaceId, id)),
  );
  const oldest = occurredAt.getTime() - WINDOW_MS_MAX;
  const near = [...touches.values()].flat().filter(({ at }) => at >= oldest && at <= occurredAt.getTime());
  const windows = await findCreditWindows(
    store,
    workspaceId,
    near.map(({ campaign }) => campaign),
  );
  // Of one time in order of their ids, so that the order they were stored in makes no difference.
  near.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  const money = { at: occurredAt.getTime(), valueMinor, refundedMinor };
  const { path, credits } = creditOrder(near, money, ({ campaign }) => windows.get(campaign) ?? WINDOWS);
  return {
    _id: conversionId(workspaceId, orderId),
    ...{ workspaceId, userId, orderId, at: occurredAt, valueMinor, refundedMinor, currency, path, credits },
    slice: toConversionSlice(workspaceId, occurredAt),
  };
}

/** The orders on whose path an intervention is, oldest first. */
export async function listOrdersAfter(
  store: Store,
  intervention: {
    readonly workspaceId: string;
    readonly userId: string;
    readonly interventionId: string;
    readonly acceptedAt: Date;
  },
): Promise<ConversionDocument[]> {
  const { workspaceId, userId, interventionId, acceptedAt: from } = intervention;
  const orders = await listOrdersOf(store, { workspaceId, userId, from });
  return orders
    .filter(({ path }) => path.some((touch) => touch.interventionId === interventionId))
    .sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** What a user has bought since then, under every id of his. */
async function listOrdersOf(
  store: Store,
  { workspaceId, userId, from }: Parameters<typeof listConversionsOf>[1],
): Promise<ConversionDocument[]> {
  const ids = await idsOf(store, workspaceId, userId);
  return (await Promise.all(ids.map((id) => listConversionsOf(store, { workspaceId, userId: id, from })))).flat();
}

/** Every id that a user goes by. */
async function idsOf(store: Store, workspaceId: string, userId: string): Promise<readonly string[]> {
  const found = (await findProfileOutlines(store, [{ workspaceId, userId }])).get(profileId(workspaceId, userId));
  return found === undefined ? [userId] : [found.userId, ...found.aliases];
}
