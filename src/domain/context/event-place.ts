import { create } from "@bufbuild/protobuf";
import { type EventPlace, EventPlaceSchema } from "../../../gen/intervention/v1/context_state_pb.js";
import type { ShopEvent } from "../../../gen/intervention/v1/shopper_pb.js";

/** Where an event stands among those of its user. Microseconds, since a producer may do several things in one millisecond. */
export function toPlace({ eventId, occurTime }: Pick<ShopEvent, "eventId" | "occurTime">): EventPlace {
  const { seconds = 0n, nanos = 0 } = occurTime ?? {};
  return create(EventPlaceSchema, { timeUs: Number(seconds) * 1e6 + Math.floor(nanos / 1e3), eventId });
}

/** Whether `a` stands after `b`. Nothing stands before everything. */
export function isAfter(a: EventPlace | undefined, b: EventPlace | undefined): boolean {
  if (a === undefined) return false;
  if (b === undefined) return true;
  return a.timeUs === b.timeUs ? a.eventId > b.eventId : a.timeUs > b.timeUs;
}

/** The one that stands last. */
export function lastOf(a: EventPlace | undefined, b: EventPlace | undefined): EventPlace | undefined {
  return isAfter(a, b) ? a : b;
}

/** A list in order of place, with one more in it; the same list if it is there already. */
export function withPlaced<T extends { readonly place?: EventPlace | undefined }>(list: readonly T[], one: T): T[] {
  // Most events come in order: the right end is looked at first.
  let index = list.length;
  while (index > 0 && isAfter(list[index - 1]?.place, one.place)) index -= 1;
  const before = list[index - 1]?.place;
  if (before?.eventId === one.place?.eventId && before?.timeUs === one.place?.timeUs) return [...list];
  return [...list.slice(0, index), one, ...list.slice(index)];
}
