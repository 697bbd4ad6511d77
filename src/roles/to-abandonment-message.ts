import { Buffer } from "node:buffer";
import type { Bus, OutgoingMessage } from "../bus/index.ts";

/** A cart that was left behind. */
export type Abandonment = {
  readonly workspaceId: string;
  readonly userId: string;
  /** The last activity before, microseconds since 1970. */
  readonly sinceUs: number;
  /** When it counts as left behind, ms since 1970. */
  readonly dueMs: number;
};

/** What the engine says of it: a CloudEvent as a platform would send it, in structured mode, since a user's id may hold anything.
 *  Its id is made of workspace, user and the last activity, so that whoever says it again says the same. */
export function toAbandonmentMessage(
  { subjects }: Pick<Bus, "subjects">,
  { workspaceId, userId, sinceUs, dueMs }: Abandonment,
): OutgoingMessage {
  const event = {
    specversion: "1.0",
    id: `${userId}/${sinceUs}`,
    source: `/intervention-engine/workspaces/${workspaceId}`,
    type: "shop.cart.abandoned",
    subject: userId,
    time: new Date(dueMs).toISOString(),
    datacontenttype: "application/json",
    data: { user_id: userId },
  };
  return {
    subject: subjects.shopEvents(workspaceId),
    data: Buffer.from(JSON.stringify(event), "utf8"),
    messageId: `abandoned/${workspaceId}/${encodeURIComponent(userId)}/${sinceUs}`,
    headers: { "Content-Type": "application/cloudevents+json; charset=utf-8" },
  };
}
