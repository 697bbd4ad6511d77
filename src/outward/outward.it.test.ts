import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CloudEvent, HTTP } from "cloudevents";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { WebhookService, WebhookState } from "../../gen/intervention/v1/webhook_service_pb.js";
import { startApi } from "../api/testing/start-api.ts";
import { EventPublisher, readBatch, toKindName } from "../bus/index.ts";
import { createMetrics } from "../observe/index.ts";
import { ErasedUsers } from "../privacy/erased-users.ts";
import { bearer } from "../testing/bearer.ts";
import { until } from "../testing/until.ts";
import { startOutward } from "./start-outward.ts";
import { type Answer, type Received, startWebhookReceiver } from "./testing/webhook-receiver.ts";

type Options = Partial<Parameters<typeof startOutward>[0]>;

/** The API, a receiver, and what brings events from one to the other. */
async function startAll(answer?: (request: Received) => Answer, options: Options = {}) {
  const api = await startApi({ allowPrivateWebhooks: true });
  const receiver = await startWebhookReceiver(answer);
  const erased = await ErasedUsers.start(api);
  const start = () =>
    startOutward({
      ...{ bus: api.bus, store: api.store, access: api.access, log: api.log, metrics: createMetrics(), erased },
      ...{ allowPrivate: true, eventsOut: "none", backoffMs: () => 50, ...options },
    });
  let outward = await start();
  const clientOf = (key: string) =>
    createClient(
      WebhookService,
      createGrpcTransport({
        baseUrl: api.url,
        interceptors: [bearer(key)],
      }),
    );
  const webhooks = clientOf(api.apiKey);
  return {
    api,
    receiver,
    webhooks,
    others: clientOf(api.otherApiKey),
    ids: () => receiver.received.map(({ id }) => id),
    add: async (more: { kinds?: EventKind[]; path?: string } = {}) => {
      const made = await webhooks.createEndpoint({
        url: `${receiver.url}${more.path ?? "/"}`,
        kinds: more.kinds ?? [],
      });
      return { id: made.endpoint?.endpointId ?? "", secret: made.secret };
    },
    get: async (endpointId: string) => (await webhooks.getEndpoint({ endpointId })).endpoint,
    publish: (interventionIds: readonly string[], kind = EventKind.DISPLAYED, workspace = "main") =>
      new EventPublisher(api.bus).publish(
        interventionIds.map((interventionId) =>
          create(EventSchema, {
            eventId: `${interventionId}:${toKindName(kind)}`,
            ...{ interventionId, kind, workspace, userId: "ada", campaign: "spring" },
            occurTime: timestampFromDate(new Date("2026-01-02T03:04:05Z")),
          }),
        ),
      ),
    async restart() {
      await outward[Symbol.asyncDispose]();
      outward = await start();
    },
    async [Symbol.asyncDispose]() {
      await outward[Symbol.asyncDispose]();
      erased.stop();
      await receiver[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

describe("webhooks", () => {
  it("bring every event once to who can verify it with the published library, as a CloudEvent", async () => {
    await using all = await startAll();
    const { secret } = await all.add();
    await all.publish(["a", "b"]);
    await all.publish(["a"], EventKind.CLICKED);
    await all.publish(["x"], EventKind.CLICKED, "other");
    await until(() => all.receiver.received.length >= 3, "three requests");
    expect(new Set(all.ids())).toEqual(new Set(["a:clicked", "a:displayed", "b:displayed"]));
    expect(all.ids()).toHaveLength(3);
    for (const { body, headers } of all.receiver.received) {
      const payload = new Webhook(secret).verify(body, headers as Record<string, string>) as Record<string, unknown>;
      expect(payload).toMatchObject({
        type: expect.stringMatching(/^intervention\./),
        timestamp: "2026-01-02T03:04:05.000Z",
      });
      const event = new CloudEvent<{ userId: string }>(payload as never, true);
      expect(event.data?.userId).toBe("ada");
      expect(() => new Webhook(secret).verify(`${body} `, headers as Record<string, string>)).toThrow();
    }
  });

  it("go to an endpoint only for the kinds it asked for", async () => {
    await using all = await startAll();
    await all.add({ kinds: [EventKind.CLICKED] });
    await all.publish(["a", "b"]);
    await all.publish(["b"], EventKind.CLICKED);
    await until(() => all.receiver.received.length >= 1, "the click");
    expect(all.ids()).toEqual(["b:clicked"]);
  });

  it("are signed with the old secret too while a rotation lasts", async () => {
    await using all = await startAll();
    const { id, secret: old } = await all.add();
    const { secret: fresh } = await all.webhooks.rotateSecret({ endpointId: id });
    const { delivery } = await all.webhooks.testEndpoint({ endpointId: id });
    expect(delivery).toMatchObject({ status: 204, isDelivered: true, error: "" });
    const [one] = all.receiver.received;
    for (const secret of [old, fresh])
      expect(new Webhook(secret).verify(one?.body ?? "", one?.headers as Record<string, string>)).toMatchObject({
        type: "webhook.test",
      });
    await all.webhooks.rotateSecret({ endpointId: id, overlapS: 0 });
    await all.webhooks.testEndpoint({ endpointId: id });
    const last = all.receiver.received.at(-1);
    expect(() => new Webhook(fresh).verify(last?.body ?? "", last?.headers as Record<string, string>)).toThrow();
  });

  it("wait while an endpoint takes nothing, and all arrive when it does, those of an intervention in order", async () => {
    let isUp = false;
    const taken: string[] = [];
    await using all = await startAll(({ id }) => {
      if (isUp) taken.push(id);
      return { status: isUp ? 200 : 500 };
    });
    const { id } = await all.add();
    const kinds = [EventKind.SENT, EventKind.DELIVERED, EventKind.DISPLAYED, EventKind.CLICKED, EventKind.DISMISSED];
    for (const kind of kinds) await all.publish(["a", "b"], kind);
    await until(async () => (await all.get(id))?.failingSince, "the failure to be seen");
    isUp = true;
    await until(() => taken.length >= 10, "all ten");
    await until(async () => (await all.get(id))?.failingSince === undefined, "the recovery to be seen");
    for (const name of ["a", "b"])
      expect(taken.filter((one) => one.startsWith(`${name}:`))).toEqual(
        kinds.map((kind) => `${name}:${toKindName(kind)}`),
      );
    const { deliveries } = await all.webhooks.listDeliveries({ endpointId: id, pageSize: 100 });
    expect(deliveries.filter(({ isDelivered }) => isDelivered)).toHaveLength(10);
    const error = "the endpoint answered 500";
    expect(deliveries.at(-1)).toMatchObject({ attempt: 1, status: 500, isDelivered: false, error });
  });

  it("do not wait for an event that an endpoint refuses while it takes others", async () => {
    const refusals = new Map<string, number>();
    await using all = await startAll(({ id }) => {
      if (!id.startsWith("poison")) return { status: 200 };
      refusals.set(id, (refusals.get(id) ?? 0) + 1);
      return { status: (refusals.get(id) ?? 0) < 4 ? 422 : 200 };
    });
    await all.add();
    await all.publish(["poison"]);
    await all.publish(["a", "b"]);
    await until(() => all.ids().includes("b:displayed"), "those after it");
    await until(() => refusals.get("poison:displayed") === 4, "the refused one, in the end");
  });

  it("do not wait for another endpoint that never answers", async () => {
    await using all = await startAll(({ path }) => (path === "/slow" ? undefined : { status: 200 }), {
      timeoutMs: 3_000,
    });
    await all.add({ path: "/slow" });
    await all.add({ path: "/quick" });
    await all.publish(["a", "b", "c"]);
    await until(() => all.receiver.received.filter(({ path }) => path === "/quick").length === 3, "the quick one");
  });

  it("honour Retry-After, and keep the order meanwhile", async () => {
    let asked = 0;
    const waits: (number | undefined)[] = [];
    await using all = await startAll(
      () => {
        asked += 1;
        return asked === 1 ? { status: 429, headers: { "retry-after": "7" } } : { status: 200 };
      },
      {
        backoffMs: (_, askedMs) => {
          waits.push(askedMs);
          return 20;
        },
      },
    );
    await all.add();
    await all.publish(["a"]);
    await until(() => asked === 2, "the second attempt");
    expect(waits).toEqual([7_000]);
  });

  it("end at an endpoint that is gone, until somebody resumes it", async () => {
    let status = 410;
    await using all = await startAll(() => ({ status }));
    const { id } = await all.add();
    await all.publish(["a"]);
    await until(async () => (await all.get(id))?.state === WebhookState.DISABLED, "disabling");
    status = 200;
    await all.publish(["b"]);
    await all.webhooks.resumeEndpoint({ endpointId: id });
    await until(() => all.ids().includes("b:displayed"), "what came meanwhile");
    expect(all.ids().filter((one) => one === "a:displayed")).toHaveLength(2);
  });

  it("are paused for an endpoint that took nothing for too long, and say why", async () => {
    await using all = await startAll(() => ({ status: 500 }), { failingMsMax: 100 });
    const { id } = await all.add();
    await all.publish(["a"]);
    await until(async () => (await all.get(id))?.state === WebhookState.PAUSED, "the pause");
    expect((await all.get(id))?.reason).toMatch(/^nothing could be delivered since 20/);
  });

  it("go on after a restart where they were, and again from a cursor when asked", async () => {
    await using all = await startAll();
    const { id } = await all.add();
    await all.publish(["a", "b"]);
    await until(() => all.ids().length === 2, "the first two");
    await all.restart();
    await all.publish(["c"]);
    await until(() => all.ids().length >= 3, "the third");
    expect(all.ids()).toEqual(["a:displayed", "b:displayed", "c:displayed"]);
    await all.webhooks.replayFrom({ endpointId: id, cursor: { case: "sequence", value: 1n } });
    await until(() => all.ids().length >= 6, "all of them again");
    expect(all.ids().slice(3)).toEqual(["a:displayed", "b:displayed", "c:displayed"]);
  });

  it("are nobody else's business, and refuse what can't be right", async () => {
    await using all = await startAll();
    const { id } = await all.add();
    await expect(all.others.getEndpoint({ endpointId: id })).rejects.toThrow(/not_found/);
    await expect(all.others.deleteEndpoint({ endpointId: id })).rejects.toThrow(/not_found/);
    await expect(all.webhooks.createEndpoint({ url: "ftp://x", kinds: [99 as EventKind] })).rejects.toThrow(
      /url.*kinds\[0\]/,
    );
    await expect(all.webhooks.replayFrom({ endpointId: id })).rejects.toThrow(/cursor/);
    expect((await all.others.listEndpoints({})).endpoints).toEqual([]);
    await all.webhooks.deleteEndpoint({ endpointId: id });
    expect((await all.webhooks.listEndpoints({})).endpoints).toEqual([]);
  });
});

describe("events out", () => {
  it("are CloudEvents that the SDK reads, each id once, of the kinds chosen", async () => {
    await using all = await startAll(undefined, { eventsOut: "displayed,clicked" });
    const { bus } = all.api;
    await all.publish(["a", "b"]);
    await all.publish(["a"]);
    await all.publish(["a"], EventKind.DELIVERED);
    await all.publish(["a"], EventKind.CLICKED);
    const stream = bus.subjects.stream("EVENTS_OUT");
    const read = () => readBatch(bus, { stream, subject: bus.subjects.eventsOut("main", "*"), from: 1, limit: 100 });
    await until(async () => (await read()).length >= 3, "three events");
    await all.restart();
    const events = (await read()).map(({ data, header }) =>
      HTTP.toEvent<unknown>({
        headers: { "content-type": header.get("content-type") },
        body: new TextDecoder().decode(data),
      }),
    ) as CloudEvent<unknown>[];
    expect(events.map(({ id, type, source, subject }) => [id, type, source, subject])).toEqual([
      ["a:displayed", "intervention.displayed", "/workspaces/main", "a"],
      ["b:displayed", "intervention.displayed", "/workspaces/main", "b"],
      ["a:clicked", "intervention.clicked", "/workspaces/main", "a"],
    ]);
    for (const event of events) expect(event.validate()).toBe(true);
  });
});
