import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Actor, type Event, EventKind } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { SEGMENTS_COUNTED_MAX } from "../domain/analytics/counted.ts";
import { toSpan } from "../domain/analytics/span.ts";
import { toStageBin } from "../domain/analytics/stage-histogram.ts";
import { toProgress } from "../domain/delivery/report.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { noteSlices } from "./rollups.ts";

/** One touchpoint. */
export type EventDocument = {
  /** `{intervention}:{kind}`, and something of its own after it for what can happen again. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly interventionId: string;
  readonly userId: string;
  readonly kind: string;
  readonly campaign: string;
  readonly channel: string;
  readonly occurredAt: Date;
  readonly receivedAt: Date;
  readonly actionId?: string;
  readonly reason?: string;
  /** What stopped it, of decided. */
  readonly rule?: string;
  readonly variant?: string;
  readonly template?: string;
  readonly locale?: string;
  /** Those that the user was in when it was decided, up to SEGMENTS_COUNTED_MAX; absent where he was in none. */
  readonly segments?: readonly string[];
  /** Who was behind it, where it was asked; see Actor. */
  readonly actor?: string;
  readonly actorEvidence?: string;
  readonly orderId?: string;
  /** What it is worth, with `currency`. */
  readonly valueMinor?: number;
  readonly currency?: string;
  readonly costMicros?: number;
  /** How long the stage that it ends took, as `toStageBin`. */
  readonly stageBin?: number;
  /** `toTouchKey`, of what a person saw or clicked: what orders may be credited to. `insertEvents` sets it. */
  readonly touchOf?: string;
  /** `{workspace}/{n}` of the slice of time it happened in: what figures are reckoned by. `insertEvents` sets it. */
  readonly slice?: string;
  /** The intervention, of an event that can happen again and so is not found by its id; `toOrderKey`, of what is told of orders.
   *  `insertEvents` sets it. */
  readonly again?: string;
};

export const eventIndexes = [
  // Explain, Watch and the state: what can happen again. The others are found by their ids, which costs no index.
  { name: "again", key: { again: 1 }, sparse: true },
  // What a user saw and clicked.
  { name: "touches", key: { touchOf: 1 }, sparse: true },
  // The figures of a slice of time.
  { name: "slice", key: { slice: 1 }, sparse: true },
] as const satisfies readonly IndexDefinition[];

/** What is told of orders is kept apart: it belongs to no intervention. */
export const orderEventIndexes = [
  // Everything of an order.
  { name: "again", key: { again: 1 } },
  // Of a user, and as old as is kept.
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
  { name: "by_time", key: { workspaceId: 1, occurredAt: 1 } },
] as const satisfies readonly IndexDefinition[];

/** Every kind. */
const EVENT_KINDS = [
  "accepted",
  "decided",
  "sent",
  "inboxed",
  "delivered",
  "displayed",
  "clicked",
  "dismissed",
  "expired",
  "cancelled",
  "failed",
  "uncertain",
  "bounced",
  "complained",
  "unsubscribed",
] as const;
type EventKindName = (typeof EVENT_KINDS)[number];

/** The id of the one event of this kind that an intervention can have. */
const eventId = (interventionId: string, kind: EventKindName) => `${interventionId}:${kind}`;

/** Where all events of these interventions are found: what happens once by its id, the rest by `again`. */
export const toEventFilters = (interventionIds: readonly string[]) => [
  { _id: { $in: interventionIds.flatMap((id) => EVENT_KINDS.map((kind) => eventId(id, kind))) } },
  { again: { $in: [...interventionIds] } },
];

/** An event as it is stored.
 *  @param receivedAt for one that does not say it. */
export function toEventDocument(event: Event, receivedAt: Date): EventDocument {
  const kind = EventKind[event.kind].toLowerCase();
  return {
    _id: event.eventId,
    workspaceId: event.workspace,
    interventionId: event.interventionId,
    userId: event.userId,
    kind,
    campaign: event.campaign,
    channel: event.channel === Channel.UNSPECIFIED ? "none" : Channel[event.channel].toLowerCase(),
    occurredAt: event.occurTime === undefined ? receivedAt : timestampDate(event.occurTime),
    receivedAt: event.receiveTime === undefined ? receivedAt : timestampDate(event.receiveTime),
    ...(event.actionId === "" ? {} : { actionId: event.actionId }),
    ...toNamed({ reason: event.reason, rule: event.rule, variant: event.variant, template: event.template }),
    ...toNamed({ locale: event.locale, actorEvidence: event.actorEvidence, orderId: event.orderId }),
    ...(event.actor === Actor.UNSPECIFIED ? {} : { actor: Actor[event.actor].toLowerCase() }),
    ...(event.currency === "" ? {} : toAmounts(event)),
    ...(event.segments.length === 0 ? {} : { segments: event.segments.slice(0, SEGMENTS_COUNTED_MAX) }),
    ...(event.stageMs === 0n ? {} : { stageBin: toStageBin(Number(event.stageMs)) }),
  };
}

const toNamed = <T extends Readonly<Record<string, string>>>(texts: T): Partial<T> =>
  Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== "")) as Partial<T>;

const toAmounts = ({ currency, valueMinor, costMicros }: Event) => ({
  currency,
  ...(valueMinor === 0n ? {} : { valueMinor: Number(valueMinor) }),
  ...(costMicros === 0n ? {} : { costMicros: Number(costMicros) }),
});

/** Stores those that are new, and notes the slices of time whose figures have changed: of all, since a call before this one may have
 *  ended between the two.
 *  @returns how many were stored before. */
export async function insertEvents(store: Store, events: readonly EventDocument[]): Promise<number> {
  const documents = events.map(toStored);
  const isOrder = ({ kind }: EventDocument) => kind === "converted" || kind === "refunded";
  const [orders, others] = [documents.filter(isOrder), documents.filter((event) => !isOrder(event))];
  const conflicts = await Promise.all([insertNew(store.events, others), insertNew(store.orderEvents, orders)]);
  const repeated = conflicts.flat().length;
  const slices = new Map(
    documents.map(({ slice, workspaceId, occurredAt }) => [
      slice,
      { workspaceId, slice: toSpan("slice", occurredAt.getTime()).n },
    ]),
  );
  await noteSlices(store, [...slices.values()]);
  return repeated;
}

/** With what it is found by. */
export function toStored(event: EventDocument) {
  const { _id, workspaceId, interventionId, kind, orderId, userId, occurredAt } = event;
  const isTouch = (kind === "displayed" || kind === "clicked") && isByPerson(event);
  return {
    ...event,
    slice: toSliceKey(workspaceId, toSpan("slice", occurredAt.getTime()).n),
    ...(_id === `${interventionId}:${kind}`
      ? {}
      : { again: orderId === undefined ? interventionId : toOrderKey(workspaceId, orderId) }),
    ...(isTouch ? { touchOf: toTouchKey(workspaceId, userId) } : {}),
  };
}

export const toTouchKey = (workspaceId: string, userId: string) => `${workspaceId}/${userId}`;

/** Under which everything of an order is found. */
export const toOrderKey = (workspaceId: string, orderId: string) => `order:${workspaceId}:${orderId}`;

/** As events have it. */
export const toSliceKey = (workspaceId: string, n: number) => `${workspaceId}/${n}`;

/** Bounds what a user's clicks can make of a list. */
const REPEATED_MAX = 10_000;

/** What happened to these interventions of one workspace, in order of time. */
export async function findEvents(
  store: Store,
  workspaceId: string,
  interventionIds: readonly string[],
): Promise<EventDocument[]> {
  const ids = interventionIds.flatMap((id) => EVENT_KINDS.map((kind) => eventId(id, kind)));
  const [once, repeated] = await onStore(() =>
    Promise.all([
      store.events.find({ _id: { $in: ids } }).toArray(),
      store.events
        .find({ again: { $in: [...interventionIds] } })
        .limit(REPEATED_MAX)
        .toArray(),
    ]),
  );
  return [...once, ...repeated]
    .filter((event) => event.workspaceId === workspaceId)
    .sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime() || a.receivedAt.getTime() - b.receivedAt.getTime());
}

/** What happened to one intervention, in order of time. */
export function listEvents(store: Store, workspaceId: string, interventionId: string): Promise<EventDocument[]> {
  return findEvents(store, workspaceId, [interventionId]);
}

/** Whether something counts as done by a person: nobody asked, or it was one as far as can be told. */
export const isByPerson = ({ actor }: Pick<EventDocument, "actor">): boolean =>
  actor === undefined || actor === "person";

/** What happened to each, as of `toProgress`, from which its state is told. */
export async function findEventKinds(
  store: Store,
  workspaceId: string,
  interventionIds: readonly string[],
): Promise<Map<string, Set<string>>> {
  const kinds = new Map(interventionIds.map((id) => [id, new Set<string>()]));
  // What a program did says nothing of how far it has come.
  for (const event of await findEvents(store, workspaceId, interventionIds))
    if (isByPerson(event)) kinds.get(event.interventionId)?.add(toProgress(event));
  return kinds;
}

/** Those of the interventions to which an event of one of these kinds has happened; of kinds that can happen again, the first. */
export async function findHappened(
  store: Store,
  interventionIds: readonly string[],
  kinds: readonly EventKindName[],
): Promise<Set<string>> {
  const ids = interventionIds.flatMap((id) => kinds.map((kind) => eventId(id, kind)));
  const found = await onStore(() =>
    store.events.find({ _id: { $in: ids } }, { projection: { interventionId: 1 } }).toArray(),
  );
  return new Set(found.map(({ interventionId }) => interventionId));
}
