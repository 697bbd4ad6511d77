import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import {
  type FanOut,
  FanOut_State,
  FanOutSchema,
  type TopicService,
} from "../../gen/intervention/v1/topic_service_pb.js";
import { toFanOut } from "../accept/to-fan-out.ts";
import { KeyReused, NotFound, OverLimit, Unavailable } from "../domain/errors.ts";
import {
  cancelFanOut,
  countFollowers,
  countSubscriptions,
  deleteTopicRule,
  type FanOutDocument,
  findFanOut,
  insertFanOuts,
  listSubscriptions,
  listTopicRules,
  PLACES,
  putTopicRule,
  type Store,
  subscribe,
  unsubscribe,
} from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { checked, parseBoth, parseFields, text, withoutControlCharacters } from "./field-checks.ts";
import { toOwner } from "./owner.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { parseTopicKind, parseTopicRule, parseTopicTrigger } from "./parse-topic.ts";
import { toPin } from "./template-use.ts";

/** What topics work with. */
export type TopicParts = { readonly store: Store; readonly now: () => Date };

const PAGE_SIZE = { fallback: 100, max: 1_000 };
const FOLLOWED_MAX = 1_000;
const RETRY_WHEN_FULL_MS = 60_000;
const topicSchema = z.object({ topic: checked(text({ min: 1, max: 256 }), withoutControlCharacters) });
const positionSchema = z.tuple([z.string()]);

/** What users follow, and messages to all who do. */
export function topicService({ store, now }: TopicParts): ServiceImpl<typeof TopicService> {
  return {
    async subscribe(request, context) {
      const [owner, { topic }] = parseBoth(
        () => toOwner(request.userId, context),
        () => parseFields(topicSchema, request),
      );
      // Counted first, so that a few more than that are possible for one who is quick; what counts is that there is a bound.
      if ((await countSubscriptions(store, owner, FOLLOWED_MAX)) >= FOLLOWED_MAX)
        throw new OverLimit(
          "topics of a user",
          `the user follows ${FOLLOWED_MAX} topics already: unsubscribe from some first`,
          RETRY_WHEN_FULL_MS,
        );
      const since = await subscribe(store, { ...owner, topic }, now());
      return { subscription: { topic, createTime: timestampFromDate(since) } };
    },
    async unsubscribe(request, context) {
      const [owner, { topic }] = parseBoth(
        () => toOwner(request.userId, context),
        () => parseFields(topicSchema, request),
      );
      await unsubscribe(store, { ...owner, topic });
      return {};
    },
    async listSubscriptions(request, context) {
      const owner = toOwner(request.userId, context);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["subscriptions", owner.workspaceId, owner.userId];
      const [after = ""] = parsePageToken(request.pageToken, scope, positionSchema) ?? [];
      const found = await listSubscriptions(store, { ...owner, after, limit: size + 1 });
      const page = found.slice(0, size);
      const last = page.at(-1);
      return {
        subscriptions: page.map(({ topic, createdAt }) => ({ topic, createTime: timestampFromDate(createdAt) })),
        nextPageToken: found.length > size && last !== undefined ? toPageToken([last.topic], scope) : "",
      };
    },
    async countFollowers(request, context) {
      const { workspace } = getService(context.values);
      const { topic } = parseFields(topicSchema, request);
      return { followerCount: await countFollowers(store, workspace.id, topic) };
    },
    async triggerTopic(request, context) {
      const { workspace } = getService(context.values);
      const keyHeader = context.requestHeader.get("idempotency-key") ?? undefined;
      const [{ topic }, parsed] = parseBoth(
        () => parseFields(topicSchema, request),
        () => parseTopicTrigger(request, { workspaceId: workspace.id, keyHeader, newKey: randomUUID }),
      );
      const trigger = await toPin(store, workspace.id)(parsed);
      const made = toFanOut({ workspace, topic, trigger, now: now() });
      if ((await insertFanOuts(store, [made])).size === 0) return { fanOut: toMessage(made), duplicate: false };
      const standing = await findFanOut(store, workspace.id, made._id);
      // There when it was inserted and gone when it was read: a majority has not seen it yet.
      if (standing === undefined) throw new Unavailable("store");
      if (Buffer.compare(standing.bodyHash.value(), made.bodyHash.value()) !== 0)
        throw new KeyReused(trigger.idempotencyKey, made._id);
      return { fanOut: toMessage(standing), duplicate: true };
    },
    async getFanOut({ fanOutId }, context) {
      const { workspace } = getService(context.values);
      return { fanOut: toMessage(await getFanOut(store, workspace.id, fanOutId)) };
    },
    async cancelFanOut({ fanOutId }, context) {
      const { workspace } = getService(context.values);
      await getFanOut(store, workspace.id, fanOutId);
      await cancelFanOut(store, fanOutId, now());
      return { fanOut: toMessage(await getFanOut(store, workspace.id, fanOutId)) };
    },
    async setTopicRule(request, context) {
      const { workspace } = getService(context.values);
      const parsed = parseTopicRule(request.rule, workspace.id);
      const { kind } = parsed;
      const rule = await toPin(store, workspace.id)(parsed.rule, "rule.template");
      await putTopicRule(store, { workspaceId: workspace.id, kind, rule });
      return { rule };
    },
    async listTopicRules(_, context) {
      const { workspace } = getService(context.values);
      return { rules: [...(await listTopicRules(store, workspace.id)).values()] };
    },
    async deleteTopicRule(request, context) {
      const { workspace } = getService(context.values);
      await deleteTopicRule(store, workspace.id, parseTopicKind(request));
      return {};
    },
  };
}

const STATES = {
  running: FanOut_State.RUNNING,
  done: FanOut_State.DONE,
  cancelled: FanOut_State.CANCELLED,
  // Runs alone are paused and skipped.
  paused: FanOut_State.RUNNING,
  skipped: FanOut_State.CANCELLED,
} as const;

/** @throws NotFound */
async function getFanOut(store: Store, workspaceId: string, id: string): Promise<FanOutDocument> {
  const found = id === "" ? undefined : await findFanOut(store, workspaceId, id);
  // A run is a fan-out too, and RunService's.
  if (found === undefined || found.run !== undefined) throw new NotFound("fan-out", id);
  return found;
}

function toMessage(document: FanOutDocument): FanOut {
  return create(FanOutSchema, {
    fanOutId: document._id,
    topic: document.topic,
    state: STATES[document.state],
    acceptedCount: BigInt(document.acceptedCount),
    failedCount: BigInt(document.failedCount),
    progress: document.cursor / PLACES,
    createTime: timestampFromDate(document.createdAt),
    ...(document.endedAt === undefined ? {} : { endTime: timestampFromDate(document.endedAt) }),
  });
}
