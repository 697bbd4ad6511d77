import { create, fromBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { type InboxItem, InboxItemSchema, type InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { InterventionFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { type EventPublisher, toKindName } from "../bus/index.ts";
import { isStopped, toProductStates } from "../domain/catalog/product-states.ts";
import type { CatalogView } from "../integrations/catalog-view.ts";
import { countUnread, findInboxItems, type InboxDocument, listInbox, markInbox, type Store } from "../store/index.ts";
import { checked, parseFields, text } from "./field-checks.ts";
import { type Owner, toOwner } from "./owner.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";

/** What the inbox works with. */
export type InboxParts = {
  readonly store: Store;
  readonly events: EventPublisher;
  readonly catalog: CatalogView;
  readonly now: () => Date;
};

const PAGE_SIZE = { fallback: 20, max: 100 };
const IDS_MAX = 100;
/** A user who looks again at once may see what he saw. */
const PRODUCTS_AGE_MS = 1_000;

const idsSchema = z.object({
  interventionIds: checked<string[]>((ids) =>
    ids.length >= 1 && ids.length <= IDS_MAX ? undefined : `there are ${ids.length}; 1 to ${IDS_MAX} are allowed`,
  ).pipe(z.array(checked(text({ min: 1, max: 64 })))),
});
const positionSchema = z.tuple([z.string().regex(/^\d{15}-/)]);

/** What a user missed and what waits for him. */
export function inboxService({ store, events, catalog, now }: InboxParts): ServiceImpl<typeof InboxService> {
  const countLeft = async (owner: Owner) => ({ unreadCount: await countUnread(store, { ...owner, now: now() }) });
  return {
    async list(request, context) {
      const owner = toOwner(request.userId, context);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["inbox", owner.workspaceId, owner.userId, request.includeArchived];
      const position = parsePageToken(request.pageToken, scope, positionSchema);
      const before = position === undefined ? {} : { before: position[0] };
      const [found, left] = await Promise.all([
        listInbox(store, {
          ...owner,
          now: now(),
          ...before,
          limit: size + 1,
          includeArchived: request.includeArchived,
        }),
        countLeft(owner),
      ]);
      const page = found.slice(0, size);
      const last = page.at(-1);
      const nextPageToken = found.length > size && last !== undefined ? toPageToken([last.position], scope) : "";
      return { items: await withProducts(catalog, owner.workspaceId, page.map(toItem)), nextPageToken, ...left };
    },
    countUnread(request, context) {
      return countLeft(toOwner(request.userId, context));
    },
    async markRead(request, context) {
      const owner = toOwner(request.userId, context);
      const ids = parseFields(idsSchema, request).interventionIds;
      const unread = (await findInboxItems(store, { ...owner, ids })).filter(({ state }) => state === "unread");
      const at = now();
      // Told before it is marked: a call that is repeated after a failure in between tells it again, and an event is stored once.
      await events.publish(unread.map((item) => toDisplayed(item, at)));
      await markInbox(store, { ...owner, ids: unread.map(({ _id }) => _id), mark: "read", at });
      return countLeft(owner);
    },
    async archive(request, context) {
      const owner = toOwner(request.userId, context);
      const ids = parseFields(idsSchema, request).interventionIds;
      await markInbox(store, { ...owner, ids, mark: "archived", at: now() });
      return countLeft(owner);
    },
  };
}

function toItem(document: InboxDocument): InboxItem {
  const { content, campaign } = fromBinary(InterventionFrameSchema, document.frame.value());
  return create(InboxItemSchema, {
    interventionId: document._id,
    campaign,
    createTime: timestampFromDate(document.createdAt),
    ...(content === undefined ? {} : { content }),
    ...(document.readAt === undefined ? {} : { readTime: timestampFromDate(document.readAt) }),
    ...(document.archivedAt === undefined ? {} : { archiveTime: timestampFromDate(document.archivedAt) }),
    ...(document.expireAt === undefined ? {} : { expireTime: timestampFromDate(document.expireAt) }),
  });
}

/** What items tell of products is read when the user looks, so that it names today's price; what a policy stops is not shown
 *  while its products are gone. */
async function withProducts(catalog: CatalogView, workspaceId: string, items: readonly InboxItem[]) {
  const ids = items.flatMap(({ content }) => content?.productIds ?? []);
  if (ids.length === 0) return [...items];
  const found = await catalog.findFresh(workspaceId, ids, { maxAgeMs: PRODUCTS_AGE_MS });
  return items.flatMap((item) => {
    const states = toProductStates(item.content, found);
    if (states === undefined) return [item];
    return isStopped(states) ? [] : [{ ...item, products: states.available }];
  });
}

function toDisplayed(document: InboxDocument, at: Date): Event {
  return create(EventSchema, {
    eventId: `${document._id}:${toKindName(EventKind.DISPLAYED)}`,
    kind: EventKind.DISPLAYED,
    workspace: document.workspaceId,
    interventionId: document._id,
    userId: document.userId,
    campaign: fromBinary(InterventionFrameSchema, document.frame.value()).campaign,
    channel: Channel.INBOX,
    occurTime: timestampFromDate(at),
    receiveTime: timestampFromDate(at),
  });
}
