import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { connect as connectOld } from "nats";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { EventBatchSchema, EventKind } from "../../gen/intervention/v1/event_pb.js";
import { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { Priority, State } from "../../gen/intervention/v1/intervention_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { PlacementService } from "../../gen/intervention/v1/placement_service_pb.js";
import { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import { packItems } from "../bus/index.ts";
import { createInterventionClient } from "../client/index.ts";
import { type Engine, startEngine } from "../start/engine.ts";
import { bearer } from "../testing/bearer.ts";
import { until } from "../testing/until.ts";

const CHROMIUM =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(
    " ",
  );

/** The whole program as an operator starts it, every role a process of its own. */
describe("the engine", () => {
  let dataDir: string;
  let engine: Engine;
  let browser: Browser;

  const authorization = () => ({ authorization: `Bearer ${engine.credentials.api_key}` });
  const transport = () =>
    createGrpcTransport({
      baseUrl: engine.grpcUrl,
      interceptors: [bearer(engine.credentials.api_key)],
    });
  const tokenFor = async (userId: string) =>
    (await createClient(SessionService, transport()).createToken({ userId })).token;
  const explain = (name: string) => createClient(InterventionService, transport()).explain({ name });
  const kindsOf = async (name: string) => (await explain(name)).events.map(({ kind }) => EventKind[kind]);

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "engine-e2e-"));
    engine = await startEngine({
      env: {
        ...process.env,
        DATA_DIR: dataDir,
        EDGE_PORT: "0",
        GRPC_PORT: "0",
        PROCESSES: "api;gateway;decide;track;schedule",
        UNDELIVERED_AFTER_MS: "4000",
        RECONCILE_AFTER_MS: "4000",
        LOG_LEVEL: "warn",
        DRAIN_MS: "300",
      },
      roleLogs: "files",
    });
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: CHROMIUM });
  });
  afterAll(async () => {
    await browser?.close();
    await engine?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function openTry(user: string): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`${engine.edgeUrl}/try?user=${user}`);
    await page.waitForSelector("#state.open");
    return page;
  }

  it("shows a person at /try what he sends himself, and tracks what he does with it", async () => {
    const page = await openTry("ada");
    await page.fill("input[name=title]", "Come back!");
    await page.click("button.main");
    await page.waitForSelector(".toast strong:text('Come back!')");
    const id = (await page.getAttribute(".toast", "data-id")) ?? "";
    await page.click(".toast button:text('Show me')");
    await until(async () => (await kindsOf(id)).includes("CLICKED"), "clicked event");
    expect((await kindsOf(id)).toSorted()).toEqual([
      "ACCEPTED",
      "CLICKED",
      "DECIDED",
      "DELIVERED",
      "DISPLAYED",
      "SENT",
    ]);
    expect((await explain(id)).intervention?.state).toBe(State.CLICKED);
    expect((await explain(id)).decisions.map(({ replayMatches }) => replayMatches)).toEqual([true]);
    await page.close();
  });

  it("shows an offer in the place of a page that asks, once where it is to be once", async () => {
    const placements = createClient(PlacementService, transport());
    const frequency = { max: 1, window: durationFromMs(3_600_000) };
    const pages = [{ path: { case: "prefix" as const, value: "/try" } }];
    const offer = { displayName: "Hero", placement: "try", content: { title: "Only today" }, pages, frequency };
    await placements.createOffer({ offerId: "hero", offer });
    const page = await openTry("gail");
    await page.waitForSelector("engine-placement .inline strong:text('Only today')");
    const id = (await page.getAttribute("engine-placement .inline", "data-id")) ?? "";
    await until(async () => (await kindsOf(id)).includes("DISPLAYED"), "it was seen");
    expect((await explain(id)).intervention?.campaign).toBe("placementOffers/hero");
    await page.reload();
    await page.waitForSelector("#state.open");
    await page.waitForSelector("engine-placement .place", { state: "visible" });
    const { choices } = await placements.choose({ userId: "gail", pageUrl: "/try", placements: ["try"], viewId: "v" });
    expect(choices).toEqual([]);
    await placements.deleteOffer({ name: "hero" });
    await page.close();
  });

  it("is called with grpc-js from the raw protos, in JSON by fetch, and by an older NATS client, and all reach the page", async () => {
    const page = await openTry("bob");
    const shown = (title: string) => page.waitForSelector(`.toast strong:text('${title}')`);

    const definition = loadSync("intervention/v1/intervention_service.proto", {
      includeDirs: ["proto"],
      defaults: true,
    });
    const loaded = grpc.loadPackageDefinition(definition) as unknown as {
      intervention: { v1: { InterventionService: grpc.ServiceClientConstructor } };
    };
    const client = new loaded.intervention.v1.InterventionService(
      engine.grpcUrl.replace("http://", ""),
      grpc.credentials.createInsecure(),
    );
    const metadata = new grpc.Metadata();
    metadata.set("authorization", authorization().authorization);
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(
        "/intervention.v1.InterventionService/Trigger",
        ...serializers(client),
        { idempotencyKey: "raw", recipient: { userId: "bob" }, content: { title: "By grpc-js" } },
        metadata,
        (error: grpc.ServiceError | null) => (error === null ? resolve() : reject(error)),
      );
    });
    await shown("By grpc-js");

    const response = await fetch(`${engine.edgeUrl}/intervention.v1.InterventionService/Trigger`, {
      method: "POST",
      headers: { ...authorization(), "content-type": "application/json" },
      body: JSON.stringify({ recipient: { userId: "bob" }, content: { title: "By fetch" } }),
    });
    expect(response.status).toBe(200);
    await shown("By fetch");

    // A service that still runs the older client puts a message on the stream and hears what comes of it.
    const old = await connectOld({ servers: engine.servers.natsUrl });
    const heard: string[] = [];
    old.subscribe("track.main.displayed", { callback: (_, { data }) => void heard.push(...fromBatch(data)) });
    const message = create(InterventionMessageSchema, {
      workspace: "main",
      interventionId: "made-by-nats",
      idempotencyKey: "n",
      recipient: { userId: "bob" },
      content: { title: "By nats" },
      priority: Priority.HIGH,
      policy: {},
      acceptTime: timestampFromDate(new Date()),
    });
    const ack = await old
      .jetstream()
      .publish("iv.main.high", packItems([toBinary(InterventionMessageSchema, message)]));
    expect(ack.stream).toBe("INTERVENTIONS");
    await shown("By nats");
    await until(() => heard.includes("made-by-nats:displayed"), "displayed heard by the older client");
    await old.close();
    client.close();
    await page.close();
  });

  it("loses nothing and shows nothing twice while every role and both servers are killed with -9", async () => {
    const users = Array.from({ length: 20 }, (_, i) => `kill-${i}`);
    const seen = new Map<string, number>();
    const clients = users.map((user) => {
      const client = createInterventionClient({
        url: engine.edgeUrl,
        token: () => tokenFor(user),
        webSocket: WebSocket,
        storage: null,
      });
      client.on("intervention", (intervention) => {
        seen.set(intervention.id, (seen.get(intervention.id) ?? 0) + 1);
        intervention.displayed();
      });
      client.on("error", () => undefined);
      client.connect();
      return client;
    });
    await until(() => clients.every(({ state }) => state === "open"), "everybody connected");

    const accepted = new Set<string>();
    const api = createClient(InterventionService, transport());
    const trigger = async (n: number) => {
      // The same key until it is accepted: that is what a caller does.
      for (;;) {
        try {
          accepted.add(
            (
              await api.trigger(
                {
                  idempotencyKey: `kill-${n}`,
                  recipient: { userId: users[n % users.length] ?? "" },
                  content: { title: `${n}` },
                },
                { timeoutMs: 8_000 },
              )
            ).interventionId,
          );
          return;
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    };
    const victims = [
      () => engine.kill("decide", "SIGKILL"),
      () => engine.kill("gateway", "SIGKILL"),
      () => engine.servers.nats?.kill("SIGKILL"),
      () => engine.kill("track", "SIGKILL"),
      () => engine.servers.mongo?.kill("SIGKILL"),
      () => engine.kill("schedule", "SIGKILL"),
      () => engine.kill("api", "SIGKILL"),
    ];
    const total = 700;
    let next = 0;
    const worker = async () => {
      for (let n = next++; n < total; n = next++) {
        if (n > 0 && n % 90 === 0) victims[n / 90 - 1]?.();
        await trigger(n);
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect(accepted.size).toBe(total);

    const inbox = createClient(InboxService, transport());
    const missing = async () => {
      const waiting = new Set<string>();
      for (const userId of users)
        for (const item of (await inbox.list({ userId, pageSize: 100 })).items) waiting.add(item.interventionId);
      return [...accepted].filter((id) => !seen.has(id) && !waiting.has(id));
    };
    const why = async () => {
      const ids = await missing();
      const told = ids.slice(0, 3).map(async (id) => {
        const { decisions, events } = await explain(id);
        const outcomes = decisions.map(({ decision }) => `${decision?.outcome} on ${decision?.channel}`);
        return `${id}: ${outcomes.join()}; ${events.map(({ kind }) => EventKind[kind]).join()}`;
      });
      return `${ids.length} are missing: ${(await Promise.all(told)).join(" / ")}`;
    };
    await until(
      async () => (await missing().catch(() => ["unavailable"])).length === 0,
      "everything shown or in the inbox",
      // What the broker seems to have is put on the stream again only after ten times RECONCILE_AFTER_MS.
      150_000,
    ).catch(async (error: unknown) => {
      throw new Error(await why(), { cause: error });
    });
    expect([...seen].filter(([, times]) => times > 1)).toEqual([]);
    for (const client of clients) client.close();
    await until(
      async () =>
        ((await createClient(InterventionService, transport()).list({ pageSize: 1 })).interventions[0]?.state ?? 0) >
        State.ACCEPTED,
      "states",
    );
  }, 300_000);
});

function serializers(client: grpc.Client): [(value: unknown) => Buffer, (bytes: Buffer) => unknown] {
  const method = Object.values(
    (Object.getPrototypeOf(client).constructor as grpc.ServiceClientConstructor).service,
  ).find(({ path }) => path.endsWith("/Trigger"));
  if (method === undefined) throw new Error("the proto has no Trigger");
  return [method.requestSerialize, method.responseDeserialize];
}

function fromBatch(data: Uint8Array): string[] {
  return fromBinary(EventBatchSchema, data).events.map(({ eventId }) => eventId);
}
