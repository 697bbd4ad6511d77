import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import { type FallbackState, FallbackStateSchema } from "../../gen/intervention/v1/decision_pb.js";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { Success } from "../../gen/intervention/v1/intervention_pb.js";
import { ENDING_KINDS } from "../domain/decision/ask-fallback.ts";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import { findEvents, isByPerson, listRounds, type Store } from "../store/index.ts";
import type { FindOrders } from "./fix-outcomes.ts";

/** What has become so far of those that are at a fallback, as the store has it now: what fired late, twice or after a cancellation
 *  is told here. Reads nothing for the others. */
export async function loadFallbackStates(
  parts: { readonly store: Store; readonly findOrders?: FindOrders },
  messages: readonly InterventionMessage[],
): Promise<ReadonlyMap<InterventionMessage, FallbackState>> {
  const states = new Map<InterventionMessage, FallbackState>();
  const atFallback = messages.filter(({ fallback }) => fallback > 0);
  for (const [workspaceId, its] of Map.groupBy(atFallback, ({ workspace }) => workspace)) {
    const ids = its.map(({ interventionId }) => interventionId);
    // A program that opens mail before its reader does has seen nothing for him.
    const events = Map.groupBy(
      (await findEvents(parts.store, workspaceId, ids)).filter(isByPerson),
      ({ interventionId }) => interventionId,
    );
    for (const message of its) {
      const { interventionId, fallback: step } = message;
      const rounds = await listRounds(parts.store, workspaceId, interventionId);
      const tried = rounds.flatMap(({ outcome, channel }) => (outcome === "send" ? [fromChannelName(channel)] : []));
      const names = new Set(events.get(interventionId)?.map(({ kind }) => kind));
      if (await hasOrdered(parts, message)) names.add("converted");
      const happened = ENDING_KINDS.filter((kind) => names.has(EventKind[kind].toLowerCase())).sort((a, b) => a - b);
      states.set(message, create(FallbackStateSchema, { step, tried, happened }));
    }
  }
  return states;
}

/** Whether the user has ordered something since it was accepted; asked only for a policy that waits for that. */
async function hasOrdered(
  { findOrders }: { readonly findOrders?: FindOrders },
  { workspace, recipient, policy, acceptTime }: InterventionMessage,
): Promise<boolean> {
  const isAsked = policy?.fallbacks.some(({ unless }) => unless === Success.CONVERTED) === true;
  if (!isAsked || findOrders === undefined || acceptTime === undefined) return false;
  const orders = await findOrders(workspace, recipient?.userId ?? "", timestampDate(acceptTime), new Date());
  return orders.length > 0;
}
