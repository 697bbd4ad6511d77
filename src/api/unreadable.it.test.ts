import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { bearer } from "../testing/bearer.ts";
import { startApi } from "./testing/start-api.ts";

const TRIGGER = "intervention.v1.InterventionService/Trigger";
const TOO_LARGE = { recipient: { userId: "ada" }, content: { title: "x".repeat(5 * 1_048_576) } };

/** The details of a JSON error, by the names of their types. */
type JsonError = {
  readonly code: string;
  readonly details?: readonly { readonly type: string; readonly debug?: unknown }[];
};

describe("a request that can't be read", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  const post = async (body: string | Uint8Array<ArrayBuffer>, contentType: string) => {
    const headers = { authorization: `Bearer ${api.apiKey}`, "content-type": contentType };
    const response = await fetch(`${api.url}/${TRIGGER}`, { method: "POST", headers, body });
    return (await response.json()) as JsonError;
  };

  test.each([
    ["JSON that is cut off", '{"recipient":', "application/json", "invalid_argument"],
    ["a field that is not known by its type", '{"recipient":"ada"}', "application/json", "invalid_argument"],
    ["what is no protobuf", Uint8Array.of(0xff, 0xff), "application/proto", "internal"],
  ])("is told by Connect's JSON what a program can read: %s", async (_, body, contentType, code) => {
    expect(await post(body, contentType)).toMatchObject({
      code,
      details: [
        {
          type: "google.rpc.ErrorInfo",
          debug: { reason: "MALFORMED_REQUEST", domain: "intervention.v1", metadata: { retryable: "false" } },
        },
        { type: "google.rpc.BadRequest", debug: { fieldViolations: [{ description: expect.stringMatching(/./) }] } },
      ],
    });
  });

  const transports: readonly [string, (options: { baseUrl: string }) => Transport][] = [
    ["gRPC, the lean way", (options) => createGrpcTransport({ ...options, interceptors: [bearer(api.apiKey)] })],
    [
      "gRPC, Connect's way",
      (options) =>
        createGrpcTransport({
          ...options,
          interceptors: [bearer(api.apiKey)],
          sendCompression: compressionGzip,
          compressMinBytes: 0,
        }),
    ],
    [
      "gRPC-Web",
      (options) => createGrpcWebTransport({ ...options, httpVersion: "2", interceptors: [bearer(api.apiKey)] }),
    ],
    [
      "Connect",
      (options) => createConnectTransport({ ...options, httpVersion: "2", interceptors: [bearer(api.apiKey)] }),
    ],
  ];

  async function refusalOf(
    call: (client: Client<typeof InterventionService>) => Promise<unknown>,
    transport: Transport,
  ) {
    try {
      await call(createClient(InterventionService, transport));
    } catch (error) {
      if (error instanceof ConnectError) return error;
      throw error;
    }
    throw new Error("it was taken");
  }

  it.each(transports)("says by %s that it is too large", async (_, toTransport) => {
    const error = await refusalOf((client) => client.trigger(TOO_LARGE), toTransport({ baseUrl: api.url }));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
      { reason: "MESSAGE_TOO_LARGE", domain: "intervention.v1", metadata: { retryable: "false" } },
    ]);
    expect(error.findDetails(BadRequestSchema)).toMatchObject([
      { fieldViolations: [{ field: "", description: expect.stringContaining("in parts") }] },
    ]);
  });

  it("keeps the details of errors that have some", async () => {
    const error = await refusalOf(
      (client) => client.trigger({}),
      createGrpcTransport({
        baseUrl: api.url,
        interceptors: [bearer(api.apiKey)],
      }),
    );
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "INVALID_INPUT" }]);
    expect(error.findDetails(BadRequestSchema)).toHaveLength(1);
  });

  it("says nothing more to a stranger, whose request is not read", async () => {
    const response = await fetch(`${api.url}/${TRIGGER}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{",
    });
    const { code, details } = (await response.json()) as JsonError;
    expect(code).toBe("unauthenticated");
    expect(details).toMatchObject([{ debug: { reason: "UNAUTHENTICATED" } }]);
  });
});
