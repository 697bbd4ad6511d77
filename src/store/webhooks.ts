import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { toPosition } from "./interventions.ts";
import { onStore } from "./on-store.ts";

/** A URL that a workspace's events are sent to. */
export type WebhookEndpointDocument = {
  readonly _id: string;
  readonly workspaceId: string;
  readonly url: string;
  /** Names of kinds; empty: all. */
  readonly kinds: readonly string[];
  readonly description: string;
  /** Newest first. Kept as they are, since signing needs them. */
  readonly secrets: readonly { readonly secret: string; readonly endsAt?: Date }[];
  readonly state: "active" | "paused" | "disabled";
  readonly reason: string;
  /** Since when nothing could be delivered. */
  readonly failingSince?: Date;
  readonly createdAt: Date;
  /** One more with each replay: what was delivered before counts for nothing then. */
  readonly generation: number;
  /** Where this generation begins in TRACKING. */
  readonly from: { readonly sequence: number } | { readonly time: Date };
};

/** One attempt to send one event. */
export type WebhookDeliveryDocument = {
  /** `{endpoint}:{generation}:{event}`, and for an attempt that failed its number after it. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly endpointId: string;
  readonly userId: string;
  /** `toPosition` of the time and the id. */
  readonly position: string;
  readonly eventId: string;
  readonly attempt: number;
  readonly at: Date;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly latencyMs: number;
  readonly error: string;
  readonly isDelivered: boolean;
  readonly isGivenUp: boolean;
};

export const webhookEndpointIndexes = [
  { name: "by_workspace", key: { workspaceId: 1 } },
] as const satisfies readonly IndexDefinition[];

export const webhookDeliveryIndexes = [
  { name: "by_endpoint", key: { workspaceId: 1, endpointId: 1, position: -1 } },
  // Retention.
  { name: "by_time", key: { workspaceId: 1, at: 1 } },
  // Export and erasure.
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
] as const satisfies readonly IndexDefinition[];

export const ENDPOINTS_MAX = 50;

/** All of a workspace, oldest first. */
export async function listWebhookEndpoints(store: Store, workspaceId: string): Promise<WebhookEndpointDocument[]> {
  const found = await onStore(() => store.webhookEndpoints.find({ workspaceId }).toArray());
  return found.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || a._id.localeCompare(b._id));
}

export async function findWebhookEndpoint(
  store: Store,
  workspaceId: string,
  id: string,
): Promise<WebhookEndpointDocument | undefined> {
  const found = await onStore(() => store.webhookEndpoints.findOne({ _id: id }));
  return found?.workspaceId === workspaceId ? found : undefined;
}

export async function insertWebhookEndpoint(store: Store, document: WebhookEndpointDocument): Promise<void> {
  await insertNew(store.webhookEndpoints, [document]);
}

/** Changes one and returns it as it is then; undefined when it is gone. Its workspace was asked for before. */
export async function updateWebhookEndpoint(
  store: Store,
  id: string,
  changes: Partial<Omit<WebhookEndpointDocument, "_id" | "workspaceId" | "createdAt">>,
  options: { readonly clearFailing?: boolean } = {},
): Promise<WebhookEndpointDocument | undefined> {
  const { clearFailing = false } = options;
  const update = { $set: changes, ...(clearFailing ? { $unset: { failingSince: "" as const } } : {}) };
  const found = await onStore(() =>
    store.webhookEndpoints.findOneAndUpdate({ _id: id }, update, { returnDocument: "after" }),
  );
  return found ?? undefined;
}

export async function deleteWebhookEndpoint(store: Store, id: string): Promise<void> {
  await onStore(() => store.webhookEndpoints.deleteOne({ _id: id }));
}

export const toDeliveryId = (endpoint: Pick<WebhookEndpointDocument, "_id" | "generation">, eventId: string) =>
  `${endpoint._id}:${endpoint.generation}:${eventId}`;

/** Records attempts; one that is there stays as it is. */
export async function insertWebhookDeliveries(
  store: Store,
  documents: readonly WebhookDeliveryDocument[],
): Promise<void> {
  await insertNew(store.webhookDeliveries, documents);
}

/** Those of the attempts that are recorded, by their ids. */
export async function findWebhookDeliveries(
  store: Store,
  ids: readonly string[],
): Promise<Map<string, WebhookDeliveryDocument>> {
  if (ids.length === 0) return new Map();
  const found = await onStore(() => store.webhookDeliveries.find({ _id: { $in: [...ids] } }).toArray());
  return new Map(found.map((one) => [one._id, one]));
}

/** The first look of a list goes back this far, each further one this many times as far. */
const LOOK_MS = 60_000;
const LOOK_FACTOR = 8;

/** Attempts at an endpoint, newest first. Looks back in growing spans of time, so that there is little to sort.
 *  @param options.before a position; the page begins after it. @param options.since nothing is older. */
export async function listWebhookDeliveries(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly endpointId: string;
    readonly before?: string;
    readonly now: Date;
    readonly since: Date;
    readonly limit: number;
  },
): Promise<WebhookDeliveryDocument[]> {
  const { workspaceId, endpointId, now, limit } = options;
  const page: WebhookDeliveryDocument[] = [];
  let before = options.before ?? toPosition(new Date(now.getTime() + LOOK_MS));
  const beginning = options.since.getTime() - LOOK_MS;
  for (let span = LOOK_MS; page.length < limit && toTime(before) > beginning; span *= LOOK_FACTOR) {
    const from = toPosition(new Date(Math.max(beginning, toTime(before) - span)));
    const filter = { workspaceId, endpointId, position: { $gte: from, $lt: before } };
    const found = store.webhookDeliveries.find(filter).sort({ position: -1 });
    page.push(...(await onStore(() => found.limit(limit - page.length).toArray())));
    before = from;
  }
  return page;
}

const toTime = (position: string) => Number(position.slice(0, 15));
