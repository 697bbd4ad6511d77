import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Binary } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventBatchSchema } from "../../gen/intervention/v1/event_pb.js";
import { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { InterventionFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import { insertInboxItems, toPosition } from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { startApi } from "./testing/start-api.ts";

describe("the inbox, over gRPC-Web", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const transportOf = (credential: string) =>
    createGrpcWebTransport({
      baseUrl: api.url,
      interceptors: [bearer(credential)],
    });
  const inboxOf = (credential: string) => createClient(InboxService, transportOf(credential));
  const sessions = () => createClient(SessionService, transportOf(api.apiKey));
  async function fill(userId: string, count: number): Promise<string[]> {
    const items = Array.from({ length: count }, (_, index) => `${userId}-${index}`);
    const frame = (interventionId: string) =>
      new Binary(
        toBinary(
          InterventionFrameSchema,
          create(InterventionFrameSchema, { interventionId, campaign: "spring", content: { title: interventionId } }),
        ),
      );
    await insertInboxItems(
      api.store,
      items.map((id, index) => ({
        _id: id,
        workspaceId: "main",
        userId,
        state: "unread",
        createdAt: new Date(index),
        position: toPosition(new Date(index), id),
        frame: frame(id),
      })),
    );
    return items;
  }
  const codeOf = async (call: Promise<unknown>) =>
    call.then(
      () => "ok",
      (error: unknown) => (error instanceof ConnectError ? error.message.replace(/\].*/, "]") : "?"),
    );

  it("shows a user with a token from CreateToken what waits, newest first, page by page", async () => {
    await fill("ada", 3);
    const { token, expireTime } = await sessions().createToken({ userId: "ada", ttl: { seconds: 60n } });
    expect(expireTime && timestampDate(expireTime).getTime() - Date.now()).toBeGreaterThan(55_000);
    const inbox = inboxOf(token);
    const first = await inbox.list({ pageSize: 2 });
    expect(
      first.items.map(({ interventionId, campaign, content }) => [interventionId, campaign, content?.title]),
    ).toEqual([
      ["ada-2", "spring", "ada-2"],
      ["ada-1", "spring", "ada-1"],
    ]);
    expect(first.unreadCount).toBe(3);
    expect(first.items[0]?.expireTime).toBeUndefined();
    const last = await inbox.list({ pageSize: 2, pageToken: first.nextPageToken });
    expect(last.items.map(({ interventionId }) => interventionId)).toEqual(["ada-0"]);
    expect(last.nextPageToken).toBe("");
    expect(await codeOf(inbox.list({ pageToken: first.nextPageToken, includeArchived: true }))).toBe(
      "[invalid_argument]",
    );
  });

  it("marks items read once, and tells that they were displayed", async () => {
    const [one = "", two = ""] = await fill("bob", 3);
    const inbox = inboxOf(api.apiKey);
    expect(await inbox.markRead({ userId: "bob", interventionIds: [one, two, "not there"] })).toMatchObject({
      unreadCount: 1,
    });
    expect(await inbox.markRead({ userId: "bob", interventionIds: [one] })).toMatchObject({ unreadCount: 1 });
    expect(await inbox.countUnread({ userId: "bob" })).toMatchObject({ unreadCount: 1 });
    const stream = api.bus.subjects.stream("TRACKING");
    const { messages } = (await api.bus.jsm.streams.info(stream)).state;
    expect(messages).toBe(1);
    const stored = await api.bus.jsm.streams.getMessage(stream, {
      last_by_subj: api.bus.subjects.track("main", "displayed"),
    });
    const events = stored === null ? [] : fromBinary(EventBatchSchema, stored.data).events;
    expect(events.map(({ eventId, userId, campaign }) => [eventId, userId, campaign]).sort()).toEqual([
      [`${one}:displayed`, "bob", "spring"],
      [`${two}:displayed`, "bob", "spring"],
    ]);
  });

  it("takes archived items out of the list, and keeps them for who asks", async () => {
    const [one = ""] = await fill("cleo", 2);
    const inbox = inboxOf(api.apiKey);
    expect(await inbox.archive({ userId: "cleo", interventionIds: [one] })).toMatchObject({ unreadCount: 1 });
    expect((await inbox.list({ userId: "cleo" })).items).toHaveLength(1);
    const all = await inbox.list({ userId: "cleo", includeArchived: true });
    expect(
      all.items.filter(({ archiveTime }) => archiveTime !== undefined).map(({ interventionId }) => interventionId),
    ).toEqual([one]);
  });

  it("opens to a user his own inbox only, and to a workspace its own users' only", async () => {
    const [one = ""] = await fill("dora", 1);
    const { token } = await sessions().createToken({ userId: "eve" });
    const eve = inboxOf(token);
    expect(await codeOf(eve.list({ userId: "dora" }))).toBe("[permission_denied]");
    expect(await eve.markRead({ interventionIds: [one] })).toMatchObject({ unreadCount: 0 });
    expect(await inboxOf(api.otherApiKey).list({ userId: "dora" })).toMatchObject({ items: [], unreadCount: 0 });
    expect(await inboxOf(api.apiKey).countUnread({ userId: "dora" })).toMatchObject({ unreadCount: 1 });
    expect(await codeOf(createClient(SessionService, transportOf(token)).createToken({ userId: "dora" }))).toBe(
      "[permission_denied]",
    );
  });

  it.each([
    { what: "no user id with an API key", call: () => inboxOf(api.apiKey).list({}) },
    { what: "no ids to mark", call: () => inboxOf(api.apiKey).markRead({ userId: "u" }) },
    {
      what: "101 ids to mark",
      call: () => inboxOf(api.apiKey).archive({ userId: "u", interventionIds: Array.from({ length: 101 }, String) }),
    },
    { what: "a page of 101", call: () => inboxOf(api.apiKey).list({ userId: "u", pageSize: 101 }) },
    { what: "a token for nobody", call: () => sessions().createToken({}) },
    { what: "a token for two days", call: () => sessions().createToken({ userId: "u", ttl: { seconds: 172_800n } }) },
  ])("refuses $what", async ({ call }) => {
    expect(await codeOf(call())).toBe("[invalid_argument]");
  });
});
