import { create } from "@bufbuild/protobuf";
import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import { type SendHours, SendHoursSchema } from "../../gen/intervention/v1/decision_pb.js";
import { asksSendTime } from "../domain/decision/ask-send-time.ts";
import { toHourShares } from "../domain/schedule/best-hour.ts";
import type { UsualHours } from "../integrations/usual-hours.ts";
import { findTouches, type Store, toTouchKey } from "../store/index.ts";
import type { LoadedProfile } from "./profile-loader.ts";

type Parts = {
  readonly store: Store;
  readonly usualHours: Pick<UsualHours, "find">;
  readonly defaultTimeZoneOf: (workspaceId: string) => string;
};

/** Looks up at which hours the users of a batch look at messages: only of those whose policy asks for it, and all in one read.
 *  @throws Unavailable when the store does not answer. */
export async function loadSendHours(
  { store, usualHours, defaultTimeZoneOf }: Parts,
  batch: readonly InterventionMessage[],
  { now, findProfile }: { readonly now: Date; readonly findProfile: (message: InterventionMessage) => LoadedProfile },
): Promise<ReadonlyMap<InterventionMessage, SendHours>> {
  const asking = batch.filter(asksSendTime);
  const found = new Map<InterventionMessage, SendHours>();
  if (asking.length === 0) return found;
  const keysOf = (message: InterventionMessage) =>
    findProfile(message).userIds.map((userId) => toTouchKey(message.workspace, userId));
  const touches = await findTouches(store, [...new Set(asking.flatMap(keysOf))]);
  for (const message of asking) {
    const { workspace, recipient } = message;
    const defaultTimeZone = defaultTimeZoneOf(workspace);
    const timeZone = recipient?.timeZone || findProfile(message).snapshot.timeZone || defaultTimeZone;
    const own = keysOf(message)
      .flatMap((key) => touches.get(key) ?? [])
      .map(({ kind, at }) => ({ kind, at: new Date(at) }));
    const usual = await usualHours.find(workspace, defaultTimeZone);
    const shares = toHourShares(own, { now, timeZone, usual });
    found.set(message, create(SendHoursSchema, { timeZone, touches: own.length, shares }));
  }
  return found;
}
