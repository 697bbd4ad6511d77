import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import type { DeliveryState } from "../domain/delivery.ts";
import { insertEvents, insertInboxItems, listInbox, toPosition } from "../store/index.ts";
import { decideByHand } from "./testing/decide-by-hand.ts";
import { GrpcClient, toAnswer } from "./testing/grpc-client.ts";
import { startApi } from "./testing/start-api.ts";

const SERVICE = "intervention.v1.InterventionService";
const NEVER_A_NAME = "a".repeat(26);

describe("what became of an intervention", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  let client: GrpcClient;
  let stranger: GrpcClient;
  beforeAll(async () => {
    api = await startApi();
    client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
    stranger = new GrpcClient(api.address, { authorization: `Bearer ${api.otherApiKey}` });
  });
  afterAll(async () => {
    client.close();
    stranger.close();
    await api[Symbol.asyncDispose]();
  });

  const call = (method: string, request: object) => client.call(`${SERVICE}/${method}`, request);
  async function accept(more: object = {}): Promise<string> {
    const { body } = await call("Trigger", {
      recipient: { userId: "u" },
      content: { title: "Hello" },
      campaign: "spring",
      ...more,
    });
    return String(body.interventionId);
  }
  const stateOf = async (id: string) => (await call("Get", { name: id })).body.intervention;
  const publish = (id: string, kind: EventKind, more: { eventId?: string } = {}) =>
    api.api.events.publish([
      create(EventSchema, {
        eventId: `${id}:${EventKind[kind].toLowerCase()}`,
        kind,
        workspace: "main",
        interventionId: id,
        userId: "u",
        occurTime: timestampFromDate(new Date()),
        ...more,
      }),
    ]);

  describe("Get", () => {
    it("tells the whole intervention by its name or its id", async () => {
      const id = await accept({ idempotencyKey: "get", policy: { quietHours: { start: "22:00", end: "07:00" } } });
      const byId = await call("Get", { name: id });
      expect(byId.body.intervention).toMatchObject({
        name: `workspaces/main/interventions/${id}`,
        interventionId: id,
        idempotencyKey: "get",
        recipient: { userId: "u" },
        content: { title: "Hello" },
        campaign: "spring",
        priority: "PRIORITY_NORMAL",
        policy: {
          channels: ["CHANNEL_REALTIME", "CHANNEL_INBOX"],
          quietHours: { start: "22:00", end: "07:00", handling: "HANDLING_DELAY" },
        },
        state: "STATE_ACCEPTED",
        channel: "CHANNEL_UNSPECIFIED",
      });
      expect((await call("Get", { name: `workspaces/main/interventions/${id}` })).body).toEqual(byId.body);
    });

    it("does not know what is not there, and says the same of another workspace's", async () => {
      const id = await accept();
      const missing = await call("Get", { name: NEVER_A_NAME });
      expect(missing).toMatchObject({
        code: 5,
        details: [{ reason: "NOT_FOUND" }, { type: "google.rpc.ResourceInfo", resourceType: "intervention" }],
      });
      expect(await stranger.call(`${SERVICE}/Get`, { name: id })).toMatchObject({ code: 5 });
      expect(await call("Get", { name: `workspaces/other/interventions/${id}` })).toMatchObject({ code: 5 });
      expect(await call("Get", { name: "" })).toMatchObject({
        code: 3,
        details: [{}, { fieldViolations: [{ field: "name" }] }],
      });
    });
  });

  describe("List", () => {
    it("pages through one user's interventions, newest first, each once", async () => {
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) ids.push(await accept({ recipient: { userId: "lister" } }));
      const seen: string[] = [];
      let pageToken = "";
      do {
        const { body } = await call("List", { userId: "lister", pageSize: 2, pageToken });
        seen.push(...(body.interventions as { interventionId: string }[]).map(({ interventionId }) => interventionId));
        pageToken = String(body.nextPageToken);
      } while (pageToken !== "");
      expect(seen).toHaveLength(ids.length);
      expect(new Set(seen)).toEqual(new Set(ids));
      const times = await Promise.all(
        seen.map(async (id) => (await api.store.interventions.findOne({ _id: id }))?.acceptedAt.getTime() ?? 0),
      );
      expect(times).toEqual([...times].sort((a, b) => b - a));
    });

    it("refuses a token of another list, and a page out of bounds", async () => {
      const { body } = await call("List", { userId: "lister", pageSize: 1 });
      expect(await call("List", { userId: "other", pageSize: 1, pageToken: body.nextPageToken })).toMatchObject({
        code: 3,
        details: [{}, { fieldViolations: [{ field: "page_token" }] }],
      });
      expect(await call("List", { pageSize: 1_001 })).toMatchObject({
        code: 3,
        details: [{}, { fieldViolations: [{ field: "page_size", description: "1001 is not in 1-1000" }] }],
      });
    });

    it("shows a workspace nothing of another", async () => {
      expect((await stranger.call(`${SERVICE}/List`, {})).body).toMatchObject({ interventions: [], nextPageToken: "" });
    });
  });

  describe("Explain", () => {
    it("shows every round with its verdicts, and that deciding again gives the same bytes", async () => {
      const id = await accept({ policy: { quietHours: { start: "22:00", end: "07:00" } } });
      await decideByHand(api.store, id, { at: new Date("2026-03-01T23:00:00Z") });
      await decideByHand(api.store, id, { round: 1, at: new Date("2026-03-02T07:00:00Z"), hasLiveSocket: true });
      await insertEvents(api.store, [
        {
          _id: `${id}:sent`,
          workspaceId: "main",
          interventionId: id,
          userId: "u",
          kind: "sent",
          campaign: "spring",
          channel: "realtime",
          occurredAt: new Date(),
          receivedAt: new Date(),
        },
      ]);
      const { body } = await call("Explain", { name: id });
      expect(body).toMatchObject({
        intervention: { state: "STATE_SENT", channel: "CHANNEL_REALTIME" },
        decisions: [
          {
            replayMatches: true,
            decision: {
              outcome: "OUTCOME_DELAY",
              verdicts: expect.arrayContaining([
                expect.objectContaining({ rule: "RULE_QUIET_HOURS", answer: "ANSWER_DELAY" }),
              ]),
            },
          },
          {
            replayMatches: true,
            decision: { round: 1, outcome: "OUTCOME_SEND", channel: "CHANNEL_REALTIME" },
            input: { hasLiveSocket: true },
          },
        ],
        events: [{ eventId: `${id}:sent`, kind: "EVENT_KIND_SENT", channel: "CHANNEL_REALTIME" }],
      });
    });

    it("says so when the recorded bytes are not what deciding gives", async () => {
      const id = await accept();
      await decideByHand(api.store, id);
      const other = await accept();
      await decideByHand(api.store, other, { hasLiveSocket: true });
      const document = await api.store.decisions.findOne({ _id: `${other}/0` });
      await api.store.decisions.updateOne(
        { _id: `${id}/0` },
        { $set: { decision: document?.decision ?? new Binary() } },
      );
      expect((await call("Explain", { name: id })).body).toMatchObject({ decisions: [{ replayMatches: false }] });
    });
  });

  describe("Cancel", () => {
    it("takes the place of the decision when there is none, and says the same when it is repeated", async () => {
      const id = await accept();
      const cancelled = await call("Cancel", { name: id, reason: "sold out" });
      expect(cancelled.body).toMatchObject({ intervention: { state: "STATE_CANCELLED" } });
      expect((await call("Cancel", { name: id })).body).toEqual(cancelled.body);
      expect((await call("Explain", { name: id })).body).toMatchObject({
        decisions: [{ input: null, decision: { outcome: "OUTCOME_CANCEL" } }],
      });
    });

    it("ends a delay, and takes its message off the schedule", async () => {
      const id = await accept({ policy: { quietHours: { start: "22:00", end: "07:00" } } });
      await decideByHand(api.store, id, { at: new Date("2026-03-01T23:00:00Z") });
      expect(await stateOf(id)).toMatchObject({ state: "STATE_DELAYED" });
      expect((await call("Cancel", { name: id })).body).toMatchObject({ intervention: { state: "STATE_CANCELLED" } });
      expect(await api.store.decisions.findOne({ _id: `${id}/1` })).toMatchObject({ outcome: "cancel", round: 1 });
    });

    it.each<{ from: DeliveryState; state: string; revoked: boolean }>([
      { from: "sent", state: "STATE_CANCELLED", revoked: true },
      { from: "inboxed", state: "STATE_CANCELLED", revoked: true },
      { from: "cancelled", state: "STATE_CANCELLED", revoked: true },
      { from: "delivered", state: "STATE_DELIVERED", revoked: true },
      { from: "displayed", state: "STATE_DISPLAYED", revoked: true },
      { from: "clicked", state: "STATE_CLICKED", revoked: false },
      { from: "dismissed", state: "STATE_DISMISSED", revoked: false },
      { from: "expired", state: "STATE_EXPIRED", revoked: false },
    ])("leads from $from to $state; taken off the screen: $revoked", async ({ from, state, revoked }) => {
      const userId = `cancel-${from}`;
      const id = await accept({ recipient: { userId } });
      await decideByHand(api.store, id, { hasLiveSocket: from !== "inboxed" });
      const at = new Date();
      const happened = { interventionId: id, workspaceId: "main", userId, campaign: "", channel: "realtime" };
      await insertEvents(api.store, [
        { _id: `${id}:${from}`, kind: from, ...happened, occurredAt: at, receivedAt: at },
      ]);
      expect((await call("Cancel", { name: id })).body).toMatchObject({ intervention: { state } });
      const revoke = await api.bus.jsm.streams.getMessage(api.bus.subjects.stream("REALTIME"), {
        last_by_subj: api.bus.subjects.realtime("main", userId),
      });
      expect(revoke?.header.get("Nats-Msg-Id")).toBe(revoked ? `${id}:revoke` : undefined);
    });

    it("takes the item out of the inbox, also when it was only about to be put in", async () => {
      const id = await accept({ recipient: { userId: "inbox-cancel" } });
      await decideByHand(api.store, id);
      await call("Cancel", { name: id });
      await insertInboxItems(api.store, [
        {
          _id: id,
          workspaceId: "main",
          userId: "inbox-cancel",
          state: "unread",
          position: toPosition(new Date(), id),
          createdAt: new Date(),
          frame: new Binary(),
        },
      ]);
      expect(
        await listInbox(api.store, {
          workspaceId: "main",
          userId: "inbox-cancel",
          now: new Date(),
          limit: 10,
          includeArchived: true,
        }),
      ).toEqual([]);
    });

    it("comes to one end however it races with the decision", async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => accept()));
      const answers = await Promise.all(
        ids.map(async (id) => (await Promise.all([call("Cancel", { name: id }), decideByHand(api.store, id)]))[0]),
      );
      expect(answers.map(({ body }) => body.intervention)).toEqual(
        ids.map(() => expect.objectContaining({ state: "STATE_CANCELLED" })),
      );
    });

    it("refuses a reason of more than 200 characters and changes nothing", async () => {
      const id = await accept();
      expect(await call("Cancel", { name: id, reason: "r".repeat(201) })).toMatchObject({
        code: 3,
        details: [{}, { fieldViolations: [{ field: "reason" }] }],
      });
      expect(await stateOf(id)).toMatchObject({ state: "STATE_ACCEPTED" });
      expect(await stranger.call(`${SERVICE}/Cancel`, { name: id })).toMatchObject({ code: 5 });
    });
  });

  describe("Watch", () => {
    function watch(request: object) {
      const stream = client.serverStream(`${SERVICE}/Watch`, request);
      const heard: (string | undefined)[] = [];
      const ended = new Promise<ReturnType<typeof toAnswer>>((resolve) =>
        stream.on("error", (error) => resolve(toAnswer(error as never))),
      );
      stream.on("data", ({ event }: { event: { eventId: string } | null }) => heard.push(event?.eventId));
      return { heard, ended, cancel: () => stream.cancel() };
    }

    it("tells of one intervention what happened before and then what happens, each once", async () => {
      const id = await accept();
      await insertEvents(api.store, [
        {
          _id: `${id}:accepted`,
          workspaceId: "main",
          interventionId: id,
          userId: "u",
          kind: "accepted",
          campaign: "",
          channel: "none",
          occurredAt: new Date(1),
          receivedAt: new Date(),
        },
        {
          _id: `${id}:sent`,
          workspaceId: "main",
          interventionId: id,
          userId: "u",
          kind: "sent",
          campaign: "",
          channel: "realtime",
          occurredAt: new Date(2),
          receivedAt: new Date(),
        },
      ]);
      const { heard, cancel } = watch({ name: id });
      await expect.poll(() => heard).toEqual([undefined, `${id}:accepted`, `${id}:sent`]);
      await publish(id, EventKind.SENT);
      await publish(id, EventKind.DELIVERED);
      await publish(await accept(), EventKind.DELIVERED);
      await publish(id, EventKind.DELIVERED);
      await publish(id, EventKind.DISPLAYED);
      await expect.poll(() => heard.slice(3)).toEqual([`${id}:delivered`, `${id}:displayed`]);
      cancel();
    });

    it("hears what reached the store without being heard live", async () => {
      const id = await accept();
      const { heard, cancel } = watch({ name: id });
      await expect.poll(() => heard).toEqual([undefined]);
      await insertEvents(api.store, [
        {
          _id: `${id}:sent`,
          workspaceId: "main",
          interventionId: id,
          userId: "u",
          kind: "sent",
          campaign: "",
          channel: "realtime",
          occurredAt: new Date(),
          receivedAt: new Date(),
        },
      ]);
      await expect.poll(() => heard, { timeout: 5_000 }).toEqual([undefined, `${id}:sent`]);
      cancel();
    });

    it("tells of a whole workspace, only the kinds that were asked for, and nothing of another", async () => {
      const { heard, cancel } = watch({ kinds: ["EVENT_KIND_CLICKED"] });
      await expect.poll(() => heard).toEqual([undefined]);
      const id = await accept();
      await publish(id, EventKind.DISPLAYED);
      await api.api.events.publish([
        create(EventSchema, { eventId: "x:clicked", kind: EventKind.CLICKED, workspace: "other", interventionId: "x" }),
      ]);
      await publish(id, EventKind.CLICKED, { eventId: `${id}:clicked:1` });
      await publish(id, EventKind.CLICKED, { eventId: `${id}:clicked:2` });
      await expect.poll(() => heard).toEqual([undefined, `${id}:clicked:1`, `${id}:clicked:2`]);
      cancel();
    });

    it("refuses unknown kinds and what is not there", async () => {
      expect(await watch({ kinds: [0] }).ended).toMatchObject({
        code: 3,
        details: [{}, { fieldViolations: [{ field: "kinds[0]" }] }],
      });
      expect(await watch({ name: NEVER_A_NAME }).ended).toMatchObject({ code: 5 });
      expect(await watch({ name: "workspaces/other" }).ended).toMatchObject({ code: 5 });
    });
  });
});

describe("a server that stops", () => {
  it("ends its watches so that they begin again elsewhere", async () => {
    await using api = await startApi();
    using client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
    const stream = client.serverStream(`${SERVICE}/Watch`, {});
    const ended = new Promise<ReturnType<typeof toAnswer>>((resolve) =>
      stream.on("error", (error) => resolve(toAnswer(error as never))),
    );
    await new Promise((resolve) => stream.once("data", resolve));
    await api.stop();
    expect(await ended).toMatchObject({
      code: 14,
      details: [{ reason: "ENGINE_UNAVAILABLE" }, { type: "google.rpc.RetryInfo" }],
    });
  });
});
