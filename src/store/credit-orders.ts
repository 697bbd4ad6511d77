import type { CreditWindows } from "../domain/attribution/credit-order.ts";
import { creditOrder, WINDOWS } from "../domain/attribution/credit-order.ts";
import type { Store } from "./connect-store.ts";
import {
  type ConversionDocument,
  conversionId,
  findOrderEvents,
  findTouches,
  listConversionsOfUsers,
  putConversions,
  type TouchDocument,
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
  const touches = events.filter(({ touchOf }) => touchOf !== undefined);
  const found: Order[] = [];
  for (const [workspaceId, some] of Map.groupBy(touches, (touch) => touch.workspaceId)) {
    const earliest = new Map<string, Date>();
    for (const { userId, occurredAt } of some) {
      const known = earliest.get(userId);
      if (known === undefined || occurredAt < known) earliest.set(userId, occurredAt);
    }
    const orders = await listOrdersOf(store, workspaceId, [...earliest.keys()]);
    for (const [userId, from] of earliest)
      for (const { orderId, at } of orders.get(userId) ?? []) if (at >= from) found.push({ workspaceId, orderId });
  }
  return found;
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
  const events = await findOrderEvents(store, workspaceId, orderIds);
  const told = Map.groupBy(events, ({ orderId }) => orderId ?? "");
  // A refund that comes before its order waits for it here.
  const orders = [...told.values()].flatMap((some) => some.find(({ kind }) => kind === "converted") ?? []);
  const ids = await findIds(
    store,
    workspaceId,
    orders.map(({ userId }) => userId),
  );
  const keysOf = (userId: string) => (ids.get(userId) ?? []).map((id) => toTouchKey(workspaceId, id));
  const touches = await findTouches(store, [...new Set(orders.flatMap(({ userId }) => keysOf(userId)))]);
  const campaigns = [...touches.values()].flat().map(({ campaign }) => campaign);
  const windows = await findCreditWindows(store, workspaceId, campaigns);
  const windowsOf = ({ campaign }: TouchDocument) => windows.get(campaign) ?? WINDOWS;
  return orders.map((order) =>
    credit({
      ...{ order, events: told.get(order.orderId ?? "") ?? [], windowsOf },
      touches: keysOf(order.userId).flatMap((key) => touches.get(key) ?? []),
    }),
  );
}

/** Credits an order to what its user touched, by any of his ids. */
function credit({
  order,
  events,
  touches,
  windowsOf,
}: {
  readonly order: EventDocument;
  readonly events: readonly EventDocument[];
  readonly touches: readonly TouchDocument[];
  readonly windowsOf: (touch: TouchDocument) => CreditWindows;
}): ConversionDocument {
  const { workspaceId, userId, occurredAt, orderId = "", currency = "", valueMinor = 0 } = order;
  const refunds = events.filter((event) => event.kind === "refunded" && event.currency === currency);
  const refundedMinor = Math.min(
    valueMinor,
    refunds.reduce((sum, refund) => sum + (refund.valueMinor ?? 0), 0),
  );
  const oldest = occurredAt.getTime() - WINDOW_MS_MAX;
  const near = touches.filter(({ at }) => at >= oldest && at <= occurredAt.getTime());
  // Of one time in order of their ids, so that the order they were stored in makes no difference.
  near.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  const { path, credits } = creditOrder(near, { at: occurredAt.getTime(), valueMinor, refundedMinor }, windowsOf);
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
  const { workspaceId, userId, interventionId, acceptedAt } = intervention;
  const orders = (await listOrdersOf(store, workspaceId, [userId])).get(userId) ?? [];
  return orders
    .filter(({ at, path }) => at >= acceptedAt && path.some((touch) => touch.interventionId === interventionId))
    .sort((a, b) => a.at.getTime() - b.at.getTime());
}

/** What users have bought, each under every id of his. */
async function listOrdersOf(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Map<string, ConversionDocument[]>> {
  const ids = await findIds(store, workspaceId, userIds);
  const found = await listConversionsOfUsers(store, workspaceId, [...new Set([...ids.values()].flat())]);
  const byId = Map.groupBy(found, ({ userId }) => userId);
  return new Map([...ids].map(([userId, own]) => [userId, own.flatMap((id) => byId.get(id) ?? [])]));
}

/** Every id that each user goes by. */
async function findIds(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const once = [...new Set(userIds)];
  const found = await findProfileOutlines(
    store,
    once.map((userId) => ({ workspaceId, userId })),
  );
  return new Map(
    once.map((userId) => {
      const profile = found.get(profileId(workspaceId, userId));
      return [userId, profile === undefined ? [userId] : [profile.userId, ...profile.aliases]];
    }),
  );
}
