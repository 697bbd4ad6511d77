import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterventionBatchSchema } from "../../gen/intervention/v1/bus_pb.js";
import { GrpcClient } from "./testing/grpc-client.ts";
import { startApi } from "./testing/start-api.ts";

const TRIGGER = "intervention.v1.InterventionService/Trigger";
const TRIGGER_BATCH = "intervention.v1.InterventionService/TriggerBatch";
const TRIGGER_STREAM = "intervention.v1.InterventionService/TriggerStream";
const good = { recipient: { userId: "u1" }, content: { title: "Hello" } };

describe("asking for an intervention", () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  let client: GrpcClient;
  beforeAll(async () => {
    api = await startApi();
    client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
  });
  afterAll(async () => {
    client.close();
    await api[Symbol.asyncDispose]();
  });

  async function post(method: string, body: string, headers: Readonly<Record<string, string>> = {}) {
    const response = await fetch(`${api.url}/${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.apiKey}`, "content-type": "application/json", ...headers },
      body,
    });
    return { status: response.status, body: await response.json() };
  }
  const countAccepted = async () => ({
    ledger: await api.store.interventions.countDocuments(),
    stream: (await api.bus.jsm.streams.info(api.bus.subjects.stream("INTERVENTIONS"))).state.last_seq,
  });

  it("has it in the ledger and on the stream when a grpc-js client gets its answer", async () => {
    const answer = await client.call(TRIGGER, { ...good, idempotencyKey: "first" });
    expect(answer).toMatchObject({ code: 0, body: { duplicate: false } });
    const id = String(answer.body.interventionId);
    expect(await api.store.interventions.findOne({ _id: id })).toMatchObject({ userId: "u1", workspaceId: "main" });
    const subject = api.bus.subjects.intervention("main", "normal");
    const stored = await api.bus.jsm.streams.getMessage(api.bus.subjects.stream("INTERVENTIONS"), {
      last_by_subj: subject,
    });
    expect(stored?.header.get("Nats-Msg-Id")).toBe(`main:${id}`);
    const { interventions } = fromBinary(InterventionBatchSchema, stored?.data ?? new Uint8Array());
    expect(interventions).toMatchObject([{ interventionId: id, idempotencyKey: "first", traceParent: "" }]);
  });

  it("carries the caller's trace along", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    await post(TRIGGER, JSON.stringify({ ...good, priority: "PRIORITY_HIGH" }), {
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    });
    const subject = api.bus.subjects.intervention("main", "high");
    const stored = await api.bus.jsm.streams.getMessage(api.bus.subjects.stream("INTERVENTIONS"), {
      last_by_subj: subject,
    });
    const [stored1] = fromBinary(InterventionBatchSchema, stored?.data ?? new Uint8Array()).interventions;
    expect(stored1?.traceParent).toContain(traceId);
  });

  it("takes plain JSON over HTTP/1.1, with the key in a header", async () => {
    const body = JSON.stringify({ ...good, content: { title: "Hello", data: { b: 1, a: [true, null] } } });
    const first = await post(TRIGGER, body, { "idempotency-key": "by-header" });
    expect(first).toMatchObject({
      status: 200,
      body: { name: expect.stringMatching(/^workspaces\/main\/interventions\/[a-z2-7]{26}$/) },
    });
    expect(await post(TRIGGER, body, { "idempotency-key": "by-header" })).toEqual({
      status: 200,
      body: { ...first.body, duplicate: true },
    });
  });

  it("tells that a key was used with another body, by code and reason", async () => {
    await client.call(TRIGGER, { ...good, idempotencyKey: "reused" });
    const before = await countAccepted();
    const answer = await client.call(TRIGGER, { ...good, idempotencyKey: "reused", campaign: "other" });
    expect(answer).toMatchObject({
      code: 6,
      message: expect.stringContaining('the idempotency key "reused" already stands for intervention'),
      details: [{ reason: "IDEMPOTENCY_KEY_REUSED", domain: "intervention.v1", metadata: { retryable: "false" } }],
    });
    expect(await countAccepted()).toEqual(before);
  });

  const malformed: readonly { readonly what: string; readonly send: () => Promise<unknown>; readonly gets: object }[] =
    [
      {
        what: "fields that are wrong, by gRPC",
        send: () =>
          client.call(TRIGGER, {
            recipient: { userId: "", timeZone: "Nowhere" },
            content: { title: "t", actions: [{ id: "a", label: "" }] },
          }),
        gets: {
          code: 3,
          details: [
            { reason: "INVALID_INPUT", metadata: { retryable: "false" } },
            {
              type: "google.rpc.BadRequest",
              fieldViolations: [
                { field: "recipient.user_id" },
                { field: "recipient.time_zone" },
                { field: "content.actions[0].label" },
              ],
            },
          ],
        },
      },
      {
        what: "an empty request",
        send: () => client.call(TRIGGER, {}),
        gets: { code: 3, details: [{}, { fieldViolations: [{ field: "recipient" }, { field: "content" }] }] },
      },
      {
        what: "an expiry that has passed",
        send: () => client.call(TRIGGER, { ...good, expireTime: { seconds: "1" } }),
        gets: {
          code: 3,
          details: [
            {},
            {
              fieldViolations: [
                { field: "expire_time", description: expect.stringContaining("1970-01-01T00:00:01.000Z has passed") },
              ],
            },
          ],
        },
      },
      {
        what: "another workspace",
        send: () => client.call(TRIGGER, { ...good, parent: "workspaces/other" }),
        gets: {
          code: 5,
          details: [
            { reason: "NOT_FOUND" },
            { type: "google.rpc.ResourceInfo", resourceType: "workspace", resourceName: "other" },
          ],
        },
      },
      {
        what: "a key in the header that is not the one in the field",
        send: () => post(TRIGGER, JSON.stringify({ ...good, idempotencyKey: "a" }), { "idempotency-key": "b" }),
        gets: { status: 400, body: { code: "invalid_argument", message: expect.stringContaining("idempotency_key") } },
      },
      { what: "no JSON", send: () => post(TRIGGER, "{"), gets: { status: 400, body: { code: "invalid_argument" } } },
      {
        what: "a number where text belongs",
        send: () => post(TRIGGER, '{"content":{"title":5}}'),
        gets: { status: 400, body: { code: "invalid_argument", message: expect.stringContaining("title") } },
      },
      {
        what: "an enum value of no meaning",
        send: () => post(TRIGGER, JSON.stringify({ ...good, priority: 77 })),
        gets: {
          status: 400,
          body: { code: "invalid_argument", message: expect.stringContaining("priority: 77 is not one of") },
        },
      },
      {
        what: "a credential that is not known",
        send: () => post(TRIGGER, JSON.stringify(good), { authorization: "Bearer nobody" }),
        gets: { status: 401, body: { code: "unauthenticated", details: [{ type: "google.rpc.ErrorInfo" }] } },
      },
      {
        what: "more than 4 MiB",
        send: () =>
          post(TRIGGER, JSON.stringify({ ...good, content: { title: "t", body: "b".repeat(4 * 1_048_576) } })),
        gets: { status: 429, body: { code: "resource_exhausted" } },
      },
      {
        what: "a batch of none",
        send: () => client.call(TRIGGER_BATCH, {}),
        gets: {
          code: 3,
          details: [
            {},
            { fieldViolations: [{ field: "requests", description: "there are 0; 1 to 1000 are allowed" }] },
          ],
        },
      },
      {
        what: "a batch of 1,001",
        send: () => client.call(TRIGGER_BATCH, { requests: Array.from({ length: 1_001 }, () => good) }),
        gets: { code: 3, details: [{}, { fieldViolations: [{ field: "requests" }] }] },
      },
    ];

  it.each(malformed)("refuses $what, and changes nothing", async ({ send, gets }) => {
    const before = await countAccepted();
    expect(await send()).toMatchObject(gets);
    expect(await countAccepted()).toEqual(before);
  });

  it("refuses a stranger before reading what he sends", async () => {
    const answer = await post(TRIGGER, "{ this is no JSON", { authorization: "Basic abc" });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  });

  it("answers each of a batch in its place: the good, the bad, the repeated and the reused", async () => {
    const requests = [
      { ...good, idempotencyKey: "b1" },
      { ...good, recipient: { userId: "" } },
      { ...good, idempotencyKey: "b1" },
      { ...good, idempotencyKey: "b1", campaign: "c" },
      good,
    ];
    const { code, body } = await client.call(TRIGGER_BATCH, { parent: "workspaces/main", requests });
    expect(code).toBe(0);
    expect(body.results).toMatchObject([
      { result: "response", response: { duplicate: false } },
      {
        result: "error",
        error: {
          code: 3,
          message: expect.stringContaining("recipient.user_id"),
          details: [
            { type_url: expect.stringContaining("google.rpc.ErrorInfo") },
            { type_url: expect.stringContaining("google.rpc.BadRequest") },
          ],
        },
      },
      { result: "response", response: { duplicate: true } },
      { result: "error", error: { code: 6 } },
      { result: "response", response: { duplicate: false } },
    ]);
  });

  it("takes a batch of a thousand", async () => {
    const requests = Array.from({ length: 1_000 }, (_, index) => ({ ...good, idempotencyKey: `thousand ${index}` }));
    const { body } = await client.call(TRIGGER_BATCH, { requests });
    expect(body.results).toHaveLength(1_000);
    expect((body.results as { result: string }[]).every(({ result }) => result === "response")).toBe(true);
  });

  it("acknowledges a stream as it goes, each request by its index, before its end", async () => {
    const stream = client.bidiStream(TRIGGER_STREAM);
    const answers = new Map<number, string>();
    stream.on("data", (answer: { index: string; result: { result: string } }) =>
      answers.set(Number(answer.index), answer.result.result),
    );
    const ended = new Promise((resolve) => stream.on("end", resolve));
    for (let index = 0; index < 600; index += 1)
      stream.write({ request: index % 100 === 7 ? {} : { ...good, idempotencyKey: `stream ${index}` } });
    await expect.poll(() => answers.size, { timeout: 10_000 }).toBe(600);
    expect(
      [...answers]
        .filter(([, result]) => result === "error")
        .map(([index]) => index)
        .sort((a, b) => a - b),
    ).toEqual([7, 107, 207, 307, 407, 507]);
    stream.end();
    await ended;
    expect(
      await api.store.interventions.countDocuments({ _id: { $exists: true }, userId: "u1" }),
    ).toBeGreaterThanOrEqual(594);
  });
});

describe("a stream on a server that stops", () => {
  it("is answered what was taken, and ends so that the rest is sent elsewhere", async () => {
    await using api = await startApi();
    using client = new GrpcClient(api.address, { authorization: `Bearer ${api.apiKey}` });
    const stream = client.bidiStream(TRIGGER_STREAM);
    const answers: unknown[] = [];
    stream.on("data", (answer) => answers.push(answer));
    const failed = new Promise<{ code: number }>((resolve) => stream.on("error", (error) => resolve(error as never)));
    stream.write({ request: good });
    await expect.poll(() => answers.length).toBe(1);
    await api.stop();
    expect(await failed).toMatchObject({ code: 14 });
  });
});
