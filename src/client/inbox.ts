import { type Content, parseContent } from "./content.ts";
import { toDate, toInteger, toObject, toText } from "./json.ts";
import { type Product, parseProducts } from "./product.ts";
import { type CallParts, createCall } from "./unary.ts";

/** One intervention that waits for its user. */
export interface InboxItem {
  readonly id: string;
  readonly content: Content;
  /** May be empty. */
  readonly campaign: string;
  /** Those of the catalogue that it is about, as they are now. */
  readonly products: readonly Product[];
  readonly createTime: Date | undefined;
  /** Undefined: unread. */
  readonly readTime: Date | undefined;
  /** Undefined: not archived. */
  readonly archiveTime: Date | undefined;
  /** After this it is not shown any more. Undefined: never. */
  readonly expireTime: Date | undefined;
}

export interface InboxPage {
  /** Newest first. */
  readonly items: readonly InboxItem[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  /** Of the whole inbox, at most 1,000 counted. */
  readonly unreadCount: number;
}

export interface InboxListOptions {
  /** 1 to 100. Default: 20. */
  readonly pageSize?: number;
  /** From the page before. */
  readonly pageToken?: string;
  /** Default: false. */
  readonly includeArchived?: boolean;
}

/** What the user missed and what waits. Every method rejects with InterventionClientError. */
export interface Inbox {
  list(options?: InboxListOptions): Promise<InboxPage>;
  unreadCount(): Promise<number>;
  /** @returns how many are unread now. Doing it again changes nothing. */
  markRead(ids: readonly string[]): Promise<number>;
  /** @returns how many are unread now. Doing it again changes nothing. */
  archive(ids: readonly string[]): Promise<number>;
}

/** The engine's own limit for one call. */
const idsMax = 100;

export function createInbox(parts: CallParts): Inbox {
  const call = createCall(parts, "intervention.v1.InboxService", "INBOX_FAILED");
  const unreadCount = async () => toInteger((await call("CountUnread", {})).unreadCount);
  const change = async (method: string, ids: readonly string[]): Promise<number> => {
    if (ids.length === 0) return unreadCount();
    let unread = 0;
    for (let start = 0; start < ids.length; start += idsMax) {
      const answer = await call(method, { interventionIds: ids.slice(start, start + idsMax) });
      unread = toInteger(answer.unreadCount);
    }
    return unread;
  };
  return {
    list: async (options = {}) => {
      const answer = await call("List", { ...options });
      return {
        items: (Array.isArray(answer.items) ? answer.items : []).map(parseItem),
        nextPageToken: toText(answer.nextPageToken),
        unreadCount: toInteger(answer.unreadCount),
      };
    },
    unreadCount,
    markRead: (ids) => change("MarkRead", ids),
    archive: (ids) => change("Archive", ids),
  };
}

function parseItem(value: unknown): InboxItem {
  const item = toObject(value) ?? {};
  return {
    id: toText(item.interventionId),
    content: parseContent(item.content),
    campaign: toText(item.campaign),
    products: parseProducts(item.products),
    createTime: toDate(item.createTime),
    readTime: toDate(item.readTime),
    archiveTime: toDate(item.archiveTime),
    expireTime: toDate(item.expireTime),
  };
}
