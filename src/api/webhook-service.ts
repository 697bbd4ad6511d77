import { randomBytes } from "node:crypto";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { ReplayFromRequest, WebhookService } from "../../gen/intervention/v1/webhook_service_pb.js";
import type { Bus } from "../bus/index.ts";
import { InvalidInput, NotFound, OverLimit } from "../domain/errors.ts";
import { SECRET_PREFIX } from "../domain/outward/sign.ts";
import { toTestEvent } from "../domain/outward/to-cloud-event.ts";
import { dropEndpointConsumer } from "../outward/endpoint-consumer.ts";
import { sendEvent } from "../outward/send-event.ts";
import {
  deleteWebhookEndpoint,
  ENDPOINTS_MAX,
  findWebhookEndpoint,
  insertWebhookEndpoint,
  listWebhookDeliveries,
  listWebhookEndpoints,
  type Store,
  updateWebhookEndpoint,
  type WebhookEndpointDocument,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields, timestamp, wholeNumber } from "./field-checks.ts";
import { onBus } from "./on-bus.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { parseEndpoint } from "./parse-endpoint.ts";
import { toDelivery, toEndpoint } from "./to-endpoint.ts";

/** What managing webhooks works with. */
export type WebhookParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly now: () => Date;
  /** Whether endpoints may be plain http, and on addresses of one's own network. Default: false. */
  readonly allowPrivateWebhooks?: boolean;
};

const PAGE_SIZE = { fallback: 20, max: 100 };
const OVERLAP_S = { fallback: 86_400, max: 604_800 };
const RETRY_MS = 60_000;
/** One that was replaced twice within its time is not needed by anybody. */
const SECRETS_MAX = 3;
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);
const overlapSchema = z.object({ overlapS: checked(wholeNumber({ min: 0, max: OVERLAP_S.max })) });
const timeSchema = z.object({ time: checked(timestamp) });

/** Where a workspace's events are sent. */
export function webhookService(parts: WebhookParts): ServiceImpl<typeof WebhookService> {
  const { store, bus, now, allowPrivateWebhooks: allowPrivate = false } = parts;
  const get = async (id: string, context: HandlerContext) => {
    const found = await findWebhookEndpoint(store, getService(context.values).workspace.id, id);
    if (found === undefined) throw new NotFound("webhook endpoint", id);
    return found;
  };
  const change = async (
    { endpointId }: { readonly endpointId: string },
    context: HandlerContext,
    toChanges: (endpoint: WebhookEndpointDocument) => Parameters<typeof updateWebhookEndpoint>[2],
    options?: { readonly clearFailing: boolean },
  ) => {
    const before = await get(endpointId, context);
    const changed = await updateWebhookEndpoint(store, endpointId, toChanges(before), options);
    if (changed === undefined) throw new NotFound("webhook endpoint", endpointId);
    return { endpoint: toEndpoint(changed) };
  };
  return {
    async createEndpoint(request, context) {
      const { workspace } = getService(context.values);
      const parsed = parseEndpoint(request, { allowHttp: allowPrivate });
      if ((await listWebhookEndpoints(store, workspace.id)).length >= ENDPOINTS_MAX)
        throw new OverLimit("webhook endpoints", `a workspace has at most ${ENDPOINTS_MAX} endpoints`, RETRY_MS);
      const { state } = await onBus(() => bus.jsm.streams.info(bus.subjects.stream("TRACKING")));
      const secret = newSecret();
      const document: WebhookEndpointDocument = {
        _id: `we_${randomBytes(12).toString("hex")}`,
        workspaceId: workspace.id,
        ...parsed,
        secrets: [{ secret }],
        state: "active",
        reason: "",
        createdAt: now(),
        generation: 0,
        from: { sequence: state.last_seq + 1 },
      };
      await insertWebhookEndpoint(store, document);
      return { endpoint: toEndpoint(document), secret };
    },
    async getEndpoint({ endpointId }, context) {
      return { endpoint: toEndpoint(await get(endpointId, context)) };
    },
    async listEndpoints(_request, context) {
      const found = await listWebhookEndpoints(store, getService(context.values).workspace.id);
      return { endpoints: found.map(toEndpoint) };
    },
    updateEndpoint(request, context) {
      return change(request, context, () => parseEndpoint(request, { allowHttp: allowPrivate }));
    },
    async deleteEndpoint({ endpointId }, context) {
      const { generation } = await get(endpointId, context);
      await deleteWebhookEndpoint(store, endpointId);
      await onBus(() => dropEndpointConsumer(bus, endpointId, generation));
      return {};
    },
    async rotateSecret(request, context) {
      const { overlapS } = parseFields(overlapSchema, { overlapS: request.overlapS ?? OVERLAP_S.fallback });
      const secret = newSecret();
      const endsAt = new Date(now().getTime() + overlapS * 1_000);
      await change(request, context, ({ secrets }) => ({
        secrets: [
          { secret },
          ...secrets
            .map((old) => ({
              secret: old.secret,
              endsAt: old.endsAt !== undefined && old.endsAt < endsAt ? old.endsAt : endsAt,
            }))
            .filter((old) => old.endsAt > now())
            .slice(0, SECRETS_MAX - 1),
        ],
      }));
      return { secret };
    },
    async testEndpoint({ endpointId }, context) {
      const endpoint = await get(endpointId, context);
      const at = now();
      const event = toTestEvent(endpoint.workspaceId, `test_${randomBytes(12).toString("hex")}`, at);
      const attempt = await sendEvent(endpoint, event, { allowPrivate });
      return { delivery: toDelivery({ eventId: event.id, attempt: 1, at, isGivenUp: false, ...attempt }) };
    },
    async listDeliveries(request, context) {
      const endpoint = await get(request.endpointId, context);
      const { workspaceId, _id: endpointId, createdAt: since } = endpoint;
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["webhook deliveries", workspaceId, endpointId];
      const position = parsePageToken(request.pageToken, scope, positionSchema);
      const before = position === undefined ? {} : { before: position[0] };
      const options = { workspaceId, endpointId, now: now(), since, limit: size + 1, ...before };
      const found = await listWebhookDeliveries(store, options);
      const last = found.slice(0, size).at(-1);
      const nextPageToken = found.length > size && last !== undefined ? toPageToken([last.position], scope) : "";
      return { deliveries: found.slice(0, size).map(toDelivery), nextPageToken };
    },
    replayFrom(request, context) {
      const from = parseCursor(request);
      return change(request, context, ({ generation }) => ({ generation: generation + 1, from }));
    },
    pauseEndpoint(request, context) {
      return change(request, context, ({ state, reason }) =>
        state === "active" ? { state: "paused", reason: "paused by PauseEndpoint" } : { state, reason },
      );
    },
    resumeEndpoint(request, context) {
      return change(request, context, () => ({ state: "active", reason: "" }), { clearFailing: true });
    },
  };
}

const newSecret = () => `${SECRET_PREFIX}${randomBytes(32).toString("base64")}`;

function parseCursor({ cursor }: ReplayFromRequest): WebhookEndpointDocument["from"] {
  if (cursor.case === "time")
    return { time: timestampDate(parseFields<{ time: Timestamp }>(timeSchema, { time: cursor.value }).time) };
  const sequence = cursor.case === "sequence" ? Number(cursor.value) : 0;
  if (sequence >= 1 && Number.isSafeInteger(sequence)) return { sequence };
  const description = cursor.case === undefined ? "a sequence or a time is needed" : `${cursor.value} is not 1 or more`;
  throw new InvalidInput([{ field: cursor.case ?? "cursor", description }]);
}
