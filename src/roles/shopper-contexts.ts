import { fromBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ContextState } from "../../gen/intervention/v1/context_state_pb.js";
import { type Context, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { applyEvents, emptyContext, toContext } from "../domain/context/index.ts";
import { findShopEventsOf, listOrders, listShopEvents, type Store } from "../store/index.ts";
import type { FindOrders } from "./fix-outcomes.ts";

/** A context looks back this far: more than its 50 newest events and a cart that has been worked on for long. */
const EVENTS_MAX = 1_000;
/** Of several users together: some megabytes. When they have more, each is read alone. */
const EVENTS_AT_ONCE_MAX = 10_000;

/** What just happened to a shopper, reckoned from the events that are kept: nothing else is stored, so that it is the same at any
 *  time, for whoever asks, in whatever order they came. */
export async function findContext(store: Store, workspace: string, userId: string): Promise<Context> {
  return toContext({ workspace, userId }, await findContextState(store, workspace, userId));
}

async function findContextState(store: Store, workspaceId: string, userId: string): Promise<ContextState> {
  return toState(await listShopEvents(store, { workspaceId, userId, limit: EVENTS_MAX, now: new Date() }));
}

/** What contexts of several users are made of, by user; most of them have done little. */
export async function findContextStates(
  store: Store,
  workspaceId: string,
  userIds: readonly string[],
): Promise<Map<string, ContextState>> {
  const found = await findShopEventsOf(store, { workspaceId, userIds, limit: EVENTS_AT_ONCE_MAX });
  const states = new Map<string, ContextState>();
  for (const userId of userIds)
    states.set(
      userId,
      found === undefined
        ? await findContextState(store, workspaceId, userId)
        : toState((found.get(userId) ?? []).slice(0, EVENTS_MAX)),
    );
  return states;
}

/** @param bodies newest first. */
function toState(bodies: readonly Uint8Array[]): ContextState {
  // Oldest first: what is bounded in a context forgets what came first.
  const events = bodies.toReversed().map((body) => ({ event: fromBinary(ShopEventSchema, body), body }));
  return applyEvents(emptyContext, events);
}

/** By which predictions are found to have come true. */
export const findOrdersIn =
  (store: Store): FindOrders =>
  async (workspaceId, userId, from, until) => {
    const bodies = await listOrders(store, { workspaceId, userId, from, until });
    return bodies.flatMap((body) => {
      const { occurTime, order } = fromBinary(ShopEventSchema, body);
      if (occurTime === undefined) return [];
      return [{ placedAt: timestampDate(occurTime), productIds: order?.items.map(({ productId }) => productId) ?? [] }];
    });
  };
