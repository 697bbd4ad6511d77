import type { Store } from "./connect-store.ts";
import { type EventDocument, toOrderKey } from "./events.ts";
import { onStore } from "./on-store.ts";

/** What is said of a touchpoint; what is not said can't differ. */
export type SaidOfEvent = Pick<EventDocument, "_id" | "workspaceId"> &
  Partial<Pick<EventDocument, "occurredAt" | "userId" | "actionId" | "valueMinor" | "currency">>;

/** The ids of the events that are stored with something else said of them, or of which those given say different things. */
export async function findChanged(store: Store, said: readonly SaidOfEvent[]): Promise<Set<string>> {
  const ids = [...new Set(said.map(({ _id }) => _id))];
  const ofOrders = new Set(said.filter(isOfOrder).map(({ _id }) => _id));
  const find = (isWanted: boolean) => ({ _id: { $in: ids.filter((id) => ofOrders.has(id) === isWanted) } });
  const found = await onStore(() =>
    Promise.all([store.events.find(find(false)).toArray(), store.orderEvents.find(find(true)).toArray()]),
  );
  const standing = new Map<string, SaidOfEvent>(found.flat().map((event) => [event._id, event]));
  const changed = new Set<string>();
  for (const one of said) {
    const known = standing.get(one._id);
    if (known === undefined) standing.set(one._id, one);
    else if (isOther(known, one)) changed.add(one._id);
  }
  return changed;
}

const isOfOrder = ({ _id, workspaceId }: SaidOfEvent) => _id.startsWith(toOrderKey(workspaceId, ""));

function isOther(known: SaidOfEvent, said: SaidOfEvent): boolean {
  const fields = ["userId", "actionId", "valueMinor", "currency"] as const;
  const isTimeOther = said.occurredAt !== undefined && known.occurredAt?.getTime() !== said.occurredAt.getTime();
  return isTimeOther || fields.some((field) => said[field] !== undefined && said[field] !== known[field]);
}
