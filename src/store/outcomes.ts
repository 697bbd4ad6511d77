import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import type { Happening } from "../domain/experiment/measure-user.ts";
import type { Store } from "./connect-store.ts";
import { isByPerson, toTouchKey } from "./events.ts";
import { readAll } from "./read-all.ts";

/** What a user id did. */
type Done = { readonly userId: string; readonly happening: Happening };
type Whose = { readonly workspaceId: string; readonly userIds: readonly string[] };

/** Documents read together. */
const BATCH = 2_000;

/** The orders of some users, less what was refunded, in no order. */
export async function* streamOrdersOf(store: Store, { workspaceId, userIds }: Whose): AsyncGenerator<Done> {
  const projection = { userId: 1, at: 1, valueMinor: 1, refundedMinor: 1, currency: 1 } as const;
  const filter = { workspaceId, userId: { $in: [...userIds] } };
  for await (const { userId, at, valueMinor, refundedMinor, currency } of readAll(
    store.conversions.find(filter, { projection, batchSize: BATCH }),
  ))
    yield {
      userId,
      happening: { kind: "order", atMs: at.getTime(), valueMinor: valueMinor - refundedMinor, currency },
    };
}

/** What some users did in the shop, in no order. */
export async function* streamShopEventsOf(store: Store, { workspaceId, userIds }: Whose): AsyncGenerator<Done> {
  const projection = { userId: 1, at: 1, kind: 1 } as const;
  const filter = { workspaceId, userId: { $in: [...userIds] } };
  for await (const { userId, at, kind } of readAll(store.shopEvents.find(filter, { projection, batchSize: BATCH })))
    yield { userId, happening: { kind: "shop_event", atMs: at.getTime(), of: kind } };
}

/** What some users saw and clicked of campaigns, in no order; what programs did is not among it.
 *  @param campaigns undefined for all. */
export async function* streamTouchesOf(
  store: Store,
  { workspaceId, userIds }: Whose,
  campaigns: ReadonlySet<string> | undefined,
): AsyncGenerator<Done> {
  const projection = { userId: 1, occurredAt: 1, kind: 1, campaign: 1, actor: 1 } as const;
  const filter = { touchOf: { $in: userIds.map((userId) => toTouchKey(workspaceId, userId)) } };
  for await (const event of readAll(store.events.find(filter, { projection, batchSize: BATCH }))) {
    const { userId, occurredAt, kind, campaign } = event;
    if (!isByPerson(event) || (campaigns !== undefined && !campaigns.has(campaign))) continue;
    const of = kind === "clicked" ? EventKind.CLICKED : EventKind.DISPLAYED;
    yield { userId, happening: { kind: "event", atMs: occurredAt.getTime(), of } };
  }
}
