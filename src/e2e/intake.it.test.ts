import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers as createHeaders } from "@nats-io/transport-node";
import { CloudEvent, HTTP } from "cloudevents";
import { expect, it } from "vitest";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { EventService } from "../../gen/intervention/v1/event_service_pb.js";
import { ContextSchema, type ShopEvent, ShopEventKind, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { applyEvents, emptyContext, toContext } from "../domain/context/index.ts";
import { startEngine } from "../start/engine.ts";
import { connectStore, toInterventionMessage } from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { until } from "../testing/until.ts";

const USERS = 40;
const EVENTS = 6_000;
const AT_ONCE = 100;
const KILLED_AT = [1_500, 3_500];
const SOURCE = "//shop.example.com/carts";
const K = ShopEventKind;
const startMs = Date.now() - 600_000;

/** What the shoppers do, an event each tenth of a second: things are added, changed and taken out, and bought. */
function toEvent(n: number): ShopEvent {
  const kinds = [K.ITEM_ADDED, K.ITEM_ADDED, K.ITEM_UPDATED, K.PAGE_VIEWED, K.ITEM_REMOVED, K.CHECKOUT_STARTED];
  const kind = n % 97 === 0 ? K.ORDER_PLACED : (kinds[(n % 31) % kinds.length] ?? K.PAGE_VIEWED);
  const isItem = kind === K.ITEM_ADDED || kind === K.ITEM_UPDATED || kind === K.ITEM_REMOVED;
  return create(ShopEventSchema, {
    ...{ eventId: `${SOURCE} ${n}`, userId: `user-${n % USERS}`, kind, occurTime: timestampFromMs(startMs + n * 100) },
    ...(isItem ? { item: { productId: `p${n % 5}`, quantity: kind === K.ITEM_REMOVED ? 0 : 1 + (n % 3) } } : {}),
    ...(kind === K.PAGE_VIEWED ? { page: "/sale" } : {}),
    ...(kind === K.ORDER_PLACED ? { order: { orderId: `o${n}` } } : {}),
  });
}

const typeOf = (kind: ShopEventKind) => `shop.${K[kind]?.toLowerCase().replace("_", ".")}`;

it("a flood of events is kept once, makes the contexts it must and triggers once each, while the intake is killed with -9", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "engine-intake-"));
  const engine = await startEngine({
    env: {
      ...{ ...process.env, DATA_DIR: dataDir, EDGE_PORT: "0", GRPC_PORT: "0", LOG_LEVEL: "warn", DRAIN_MS: "300" },
      PROCESSES: "api;decide,track,schedule;intake",
    },
    roleLogs: "files",
  });
  const nc = await connect({ servers: engine.servers.natsUrl });
  const store = await connectStore({
    ...{ url: engine.servers.mongodbUrl, database: engine.config.MONGODB_DATABASE, name: "test" },
  });
  try {
    const interceptors = [bearer(engine.credentials.api_key)];
    const transport = createGrpcTransport({ baseUrl: engine.grpcUrl, interceptors });
    await createClient(CampaignService, transport).create({
      campaignId: "rescue",
      campaign: {
        ...{ displayName: "Rescue", content: { title: "Still there?" }, state: CampaignState.RUNNING },
        trigger: { on: { case: "event", value: K.CHECKOUT_STARTED } },
      },
    });
    // Each process has it within a second; what comes before triggers nothing, so one is sent until it does.
    const js = jetstream(nc);
    const publish = (event: ShopEvent) => {
      const { headers, body } = HTTP.structured(
        new CloudEvent({
          ...{ id: event.eventId.slice(SOURCE.length + 1), source: SOURCE, type: typeOf(event.kind) },
          data: toJson(ShopEventSchema, event),
        }),
      );
      const found = createHeaders();
      for (const [name, value] of Object.entries(headers)) found.set(name, String(value));
      return js.publish("events.cart.main", String(body), { headers: found });
    };
    let warmedUp = 0;
    await until(async () => {
      const event = create(ShopEventSchema, { ...toEvent(0), kind: K.CHECKOUT_STARTED, userId: "first" });
      await publish({ ...event, eventId: `${SOURCE} warm-${warmedUp++}` });
      return (await store.interventions.countDocuments()) > 0;
    }, "the campaign known");

    const intake = engine.processes.find(({ roles }) => roles.includes("intake"))?.process;
    const events = Array.from({ length: EVENTS }, (_, n) => toEvent(n));
    for (let from = 0; from < EVENTS; from += AT_ONCE) {
      await Promise.all(events.slice(from, from + AT_ONCE).map(publish));
      if (!KILLED_AT.includes(from)) continue;
      await until(() => intake?.restarts === KILLED_AT.indexOf(from) && intake.pid !== undefined, "the intake up");
      engine.kill("intake", "SIGKILL");
    }
    const jsm = await jetstreamManager(nc);
    await until(
      async () => {
        const { num_pending, num_ack_pending } = await jsm.consumers.info("EVENTS", "shop-events");
        return num_pending + num_ack_pending === 0 && (await store.shopEvents.countDocuments()) >= EVENTS + warmedUp;
      },
      "everything taken in",
      90_000,
    );
    expect(intake?.restarts).toBe(KILLED_AT.length);
    const sent = new Set(events.map(({ eventId }) => `main/${eventId}`));
    const kept = (await store.shopEvents.find({}, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id);
    expect(kept).toHaveLength(EVENTS + warmedUp);
    expect(kept.filter((id) => sent.has(id))).toHaveLength(EVENTS);

    const client = createClient(EventService, transport);
    for (let n = 0; n < USERS; n += 1) {
      const userId = `user-${n}`;
      const own = events.filter((event) => event.userId === userId);
      const state = applyEvents(
        emptyContext,
        own.map((event) => ({ event, body: toBinary(ShopEventSchema, event) })),
      );
      const { context } = await client.getContext({ userId });
      expect(toBinary(ContextSchema, context ?? create(ContextSchema)), userId).toEqual(
        toBinary(ContextSchema, toContext({ workspace: "main", userId }, state)),
      );
    }

    const triggers = (await store.interventions.find().toArray())
      .map((document) => toInterventionMessage(document).trigger?.event?.eventId ?? "")
      .filter((id) => !id.includes("warm-"));
    const wanted = events.filter(({ kind }) => kind === K.CHECKOUT_STARTED).map(({ eventId }) => eventId);
    expect(triggers).toHaveLength(wanted.length);
    expect(new Set(triggers)).toEqual(new Set(wanted));
  } finally {
    await nc.close();
    await store.close();
    await engine.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 240_000);
