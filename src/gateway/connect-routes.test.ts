import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InterventionSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { until } from "../testing/until.ts";
import { serveConnect } from "./connect-routes.ts";
import { EdgeServer } from "./edge-server.ts";

let edge: EdgeServer;
let baseUrl: string;
let watchers = 0;

beforeEach(async () => {
  edge = new EdgeServer({ host: "127.0.0.1", port: 0, allowedOrigins: [], log: pino({ level: "silent" }) });
  serveConnect({
    edge,
    router: { readMaxBytes: 1_000 },
    bodyBytesMax: 10_000,
    register: (router) =>
      router.service(InterventionService, {
        get: (request) => {
          if (request.name === "")
            throw new ConnectError("name: it is empty", Code.InvalidArgument, { "x-why": "empty" });
          return { intervention: create(InterventionSchema, { name: request.name }) };
        },
        watch: async function* (_request, { signal }) {
          watchers += 1;
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          watchers -= 1;
        },
      }),
  });
  baseUrl = `http://127.0.0.1:${await edge.listen()}`;
});
afterEach(() => edge.close());

describe.each([
  ["Connect in JSON", () => createConnectTransport({ baseUrl })],
  ["Connect in protobuf", () => createConnectTransport({ baseUrl, useBinaryFormat: true })],
  ["gRPC-Web", () => createGrpcWebTransport({ baseUrl })],
])("%s on the edge", (_name, transport) => {
  it("answers a unary call", async () => {
    const client = createClient(InterventionService, transport());
    expect((await client.get({ name: "workspaces/w/interventions/i" })).intervention?.name).toBe(
      "workspaces/w/interventions/i",
    );
  });

  it("carries an error with its code and metadata", async () => {
    const failure = await createClient(InterventionService, transport())
      .get({})
      .catch((error: unknown) => ConnectError.from(error));
    expect(failure).toMatchObject({ code: Code.InvalidArgument, rawMessage: "name: it is empty" });
    expect(failure instanceof ConnectError && failure.metadata.get("x-why")).toBe("empty");
  });

  it("refuses a message beyond the limit", async () => {
    const failure = await createClient(InterventionService, transport())
      .get({ name: "x".repeat(2_000) })
      .catch((error: unknown) => ConnectError.from(error));
    expect(failure).toMatchObject({ code: Code.ResourceExhausted });
  });

  it("aborts a server stream when its client goes", async () => {
    const abort = new AbortController();
    const answers = createClient(InterventionService, transport()).watch({}, { signal: abort.signal });
    const reading = (async () => {
      for await (const _ of answers);
    })().catch((error: unknown) => ConnectError.from(error).code);
    await until(() => watchers === 1, "the watcher");
    abort.abort();
    expect(await reading).toBe(Code.Canceled);
    await until(() => watchers === 0, "the watcher's end");
  });
});

describe("the edge", () => {
  it("refuses a body beyond its bound before it is read whole", async () => {
    const response = await fetch(`${baseUrl}/intervention.v1.InterventionService/Get`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "x".repeat(20_000),
    });
    expect(response.status).toBe(413);
  });

  it("says 404 where there is nothing", async () => {
    expect((await fetch(`${baseUrl}/nothing`)).status).toBe(404);
  });

  it("says which setting to change when its port is taken", async () => {
    const second = new EdgeServer({
      host: "127.0.0.1",
      port: Number(new URL(baseUrl).port),
      allowedOrigins: [],
      log: pino({ level: "silent" }),
    });
    await expect(second.listen()).rejects.toThrow(/EDGE_PORT/);
    await second.close();
  });
});
