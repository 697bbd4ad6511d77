import { connect as connectHttp2 } from "node:http2";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { bearer } from "../testing/bearer.ts";
import { startApi } from "./testing/start-api.ts";

/** A compressed request goes Connect's way, a plain one the lean way: the same calls by both must come to the same. */
describe("unary gRPC, by both ways", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
  });

  function clientBy(way: "lean" | "connect", apiKey = api.apiKey): Client<typeof InterventionService> {
    const compression = way === "connect" ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {};
    return createClient(
      InterventionService,
      createGrpcTransport({
        baseUrl: api.url,
        ...compression,
        interceptors: [bearer(apiKey)],
      }),
    );
  }

  async function outcome(call: Promise<unknown>): Promise<unknown> {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      return {
        code: error.code,
        message: error.code === Code.ResourceExhausted ? "" : error.rawMessage,
        bad: error.findDetails(BadRequestSchema),
        info: error.findDetails(ErrorInfoSchema),
      };
    }
  }

  const content = { title: "Hello" };
  const recipient = { userId: "ada" };
  const calls: readonly [string, (client: Client<typeof InterventionService>, other: string) => Promise<unknown>][] = [
    ["a duplicate", (client) => client.trigger({ idempotencyKey: "same", recipient, content })],
    ["a reused key", (client) => client.trigger({ idempotencyKey: "same", recipient, content: { title: "Other" } })],
    [
      "every bad field",
      (client) =>
        client.trigger({ idempotencyKey: "x".repeat(300), recipient: { userId: "" }, content: { title: "" } }),
    ],
    ["an empty request", (client) => client.trigger({})],
    [
      "the key by header",
      (client) => client.trigger({ recipient, content }, { headers: { "idempotency-key": "same" } }),
    ],
    [
      "a batch with good and bad",
      (client) => client.triggerBatch({ requests: [{ idempotencyKey: "same", recipient, content }, {}] }),
    ],
    ["an empty batch", (client) => client.triggerBatch({})],
    ["more than is read", (client) => client.trigger({ recipient, content: { title: "x".repeat(5 * 1_048_576) } })],
  ];

  it.each(calls)("answers alike to %s", async (_, call) => {
    await clientBy("lean").trigger({ idempotencyKey: "same", recipient, content });
    const lean = await outcome(call(clientBy("lean"), "a"));
    expect(lean).toEqual(await outcome(call(clientBy("connect"), "b")));
  });

  it("refuses a stranger alike, before the body is read", async () => {
    const lean = await outcome(clientBy("lean", "wrong").trigger({ recipient, content }));
    expect(lean).toEqual(await outcome(clientBy("connect", "wrong").trigger({ recipient, content })));
    expect(lean).toMatchObject({ code: 16 });
  });

  it.each([
    ["a deadline that passes at once", Buffer.from([0, 0, 0, 0, 0]), "4", { "grpc-timeout": "1n" }],
    ["a deadline that is none", Buffer.from([0, 0, 0, 0, 0]), "3", { "grpc-timeout": "soon" }],
    ["no message", Buffer.alloc(0), "12"],
    ["half a message", Buffer.from([0, 0, 0, 0, 9, 1]), "3"],
    ["two messages", Buffer.concat([Buffer.from([0, 0, 0, 0, 0]), Buffer.from([0, 0, 0, 0, 0])]), "12"],
    ["a message that is none", Buffer.from([0, 0, 0, 0, 2, 255, 255]), "13"],
    ["a compressed message without saying how", Buffer.from([1, 0, 0, 0, 0]), "13"],
  ] as [string, Buffer, string, Record<string, string>?][])(
    "refuses %s with a status and goes on",
    async (_, body, status, more = {}) => {
      const session = connectHttp2(api.url);
      const stream = session.request({
        ":method": "POST",
        ":path": "/intervention.v1.InterventionService/Trigger",
        "content-type": "application/grpc",
        te: "trailers",
        authorization: `Bearer ${api.apiKey}`,
        ...more,
      });
      const answered = new Promise<string>((resolve) => {
        stream.on(
          "response",
          (headers) => headers["grpc-status"] !== undefined && resolve(String(headers["grpc-status"])),
        );
        stream.on("trailers", (headers) => resolve(String(headers["grpc-status"])));
      });
      stream.resume();
      stream.end(body);
      expect(await answered).toBe(status);
      session.close();
      expect(await clientBy("lean").trigger({ recipient, content })).toMatchObject({ duplicate: false });
    },
  );
});
