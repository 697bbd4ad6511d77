import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { type EventKind, EventSchema } from "../../../gen/intervention/v1/event_pb.js";
import type { Store } from "../index.ts";
import * as stores from "../index.ts";

/** A function of the store, called. */
export type Call = (store: Store) => Promise<unknown> | AsyncIterable<unknown>;

export const [MAIN, ADA] = ["main", "ada"];
export const NOW = new Date();
export const BEFORE = new Date(NOW.getTime() - 86_400_000);
export const whose = { workspaceId: MAIN, userId: ADA };
export const some = { workspaceId: MAIN, userIds: [ADA, "bob"] };
export const span = { workspaceId: MAIN, from: BEFORE, until: NOW, limit: 10 };
export const page = { workspaceId: MAIN, before: ":", limit: 10 };
export const look = { workspaceId: MAIN, now: NOW, since: BEFORE, limit: 10 };
export const lease = { holder: "h", now: NOW, until: NOW };
export const pool = { workspaceId: MAIN, pool: "p" };
export const campaign = { workspaceId: MAIN, campaignId: "c" };
export const experiment = { workspaceId: MAIN, experimentId: "e" };
export const template = { workspaceId: MAIN, templateId: "t" };
export const quota = { workspaceId: MAIN, channel: "email", day: "2026-11-25" } as const;
export const address = { channel: "email", address: "ada@example.com" } as const;
export const wish = { workspaceId: MAIN, hash: "h", channel: "email", source: "" } as const;
export const keyed = { id: MAIN, idSecret: new Uint8Array(32) };
export const places = { workspaceId: MAIN, from: 0, until: 1_000, limit: 10 };
export const profile = {
  ...{ ...whose, _id: stores.profileId(MAIN, ADA), revision: 2, registers: "", timeZone: "", locale: "", denied: [] },
  ...{ searchKeys: [], aliases: [], listedAs: ADA, updatedAt: NOW },
};
export const merge = { workspaceId: MAIN, from: ADA, into: "bob", mergedAt: NOW, taken: [], outdated: [] };
export const product = stores.toProductDocument({
  ...{ workspaceId: MAIN, productId: "p", product: undefined, at: timestampFromDate(NOW) },
});
export const shopper = {
  ...{ ...whose, _id: profile._id, place: stores.toPlace(ADA), revision: 2, facts: [], activity: [] },
  ...{ foresight: [], lists: [], keys: [], memberships: [] },
};
export const traveller = {
  ...{ ...whose, _id: "t", campaignId: "c", journeyVersion: 1, enteredAt: NOW, source: new Binary(), stepId: "" },
  ...{ dueAt: NOW, moves: 1, path: [] },
};
export const account = {
  ...{
    _id: "a",
    workspaceId: MAIN,
    channel: "email" as const,
    provider: "ses",
    displayName: "",
    from: "",
    replyTo: "",
  },
  ...{ webhookUrl: "", ratePerS: 0, order: 0, sandboxTo: "", state: "active" as const, reason: "", revision: 2 },
  ...{ createdAt: NOW, updatedAt: NOW },
};
export const bucket = {
  ...{ workspaceId: MAIN, day: NOW, segment: "s", channel: "email" as const, rounds: 0, reward: 0, updatedAt: NOW },
};
export const toEvents = (kind: EventKind, more: { orderId?: string }) =>
  [
    create(EventSchema, { eventId: `iv:${kind}`, kind, workspace: MAIN, userId: ADA, interventionId: "iv", ...more }),
  ].map((event) => stores.toStored(stores.toEventDocument(event, NOW)));
export const newer = Array.from({ length: 12 }, () => ({ ...whose, kind: 1, than: BEFORE }));
