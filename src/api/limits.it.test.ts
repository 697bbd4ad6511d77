import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it } from "vitest";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { ImportHeader_Format, ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import type { RateLimit } from "../domain/limit/token-bucket.ts";
import { CallLimits } from "../integrations/call-limits.ts";
import { until } from "../testing/until.ts";
import { SERVICE } from "./testing/intervention-fixture.ts";
import { startCallers } from "./testing/start-callers.ts";

const [INVALID_ARGUMENT, RESOURCE_EXHAUSTED] = [3, 8];
const request = (more: object = {}) => ({ recipient: { userId: "u" }, content: { title: "Hello" }, ...more });
const wide = { ratePerS: 1_000_000, burst: 1_000_000 };
const open: CallLimits[] = [];
afterEach(() => {
  for (const limits of open.splice(0)) limits.stop();
});

/** An API with limits whose clock the test moves, so that nothing depends on how fast a machine is. */
async function startLimited(limits: { readonly key?: RateLimit; readonly workspace?: RateLimit }) {
  let nowMs = 0;
  let own: CallLimits | undefined;
  let refusals = 0;
  const api = await startCallers(SERVICE, {
    limits: {
      charge: (caller, cost) => node().charge(caller, cost),
      tryCharge: (caller) => node().tryCharge(caller),
    },
  });
  const node = () => {
    if (own === undefined) throw new Error("not started");
    return own;
  };
  const startNode = () => {
    const metrics = { limited: { inc: () => (refusals += 1) } };
    const node = new CallLimits({
      ...{ bus: api.bus, access: api.access },
      key: wide,
      workspace: wide,
      ...limits,
      metrics,
      now: () => nowMs,
    });
    open.push(node);
    return node;
  };
  own = startNode();
  return {
    ...api,
    startNode,
    /** How often any node has refused. */
    refusals: () => refusals,
    pass: (ms: number) => {
      nowMs += ms;
    },
    trigger: () => api.call("Trigger", request()),
    triggerAsStranger: () => api.callAsStranger("Trigger", request()),
    batch: (count: number) => api.call("TriggerBatch", { requests: Array.from({ length: count }, () => request()) }),
    count: () => api.store.interventions.countDocuments(),
  };
}

describe("a caller beyond its limit", () => {
  it("is refused with when to come again, changes nothing, and is let in then", async () => {
    await using api = await startLimited({ key: { ratePerS: 2, burst: 3 } });
    for (let n = 0; n < 3; n += 1) expect((await api.trigger()).code).toBe(0);
    const refused = await api.trigger();
    expect(refused.code).toBe(RESOURCE_EXHAUSTED);
    expect(refused.message).toContain("2 a second and 3 at once are allowed");
    expect(JSON.stringify(refused.details)).toContain("500000000");
    expect(await api.count()).toBe(3);
    api.pass(499);
    expect((await api.trigger()).code).toBe(RESOURCE_EXHAUSTED);
    api.pass(1);
    expect((await api.trigger()).code).toBe(0);
  });

  it("pays for a batch as for so many calls, and hears at once that one can never pass", async () => {
    await using api = await startLimited({ key: { ratePerS: 1, burst: 10 } });
    expect((await api.batch(8)).code).toBe(0);
    expect((await api.batch(3)).code).toBe(RESOURCE_EXHAUSTED);
    expect((await api.batch(2)).code).toBe(0);
    api.pass(60_000);
    const never = await api.batch(11);
    expect(never.code).toBe(INVALID_ARGUMENT);
    expect(never.message).toContain("11 at once are more than this key ever may");
    for (const part of ['"retryable":"false"', '"field":"requests"', "1 a second and 10 at once are allowed"])
      expect(JSON.stringify(never.details)).toContain(part);
    expect(await api.count()).toBe(10);
  });

  it("does not spend what is another workspace's", async () => {
    await using api = await startLimited({ workspace: { ratePerS: 1, burst: 2 } });
    for (let n = 0; n < 5; n += 1) await api.trigger();
    expect((await api.trigger()).message).toContain("too many calls of this workspace");
    expect((await api.triggerAsStranger()).code).toBe(0);
  });

  it("gets 429 over HTTP, and with every answer what is left, by the standard header fields", async () => {
    await using api = await startLimited({ key: { ratePerS: 1, burst: 2 } });
    const post = () =>
      fetch(`${api.url}/${SERVICE}/Trigger`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${api.apiKey}` },
        body: JSON.stringify(request()),
      });
    const [first, , third] = [await post(), await post(), await post()];
    expect(first.status).toBe(200);
    expect(first.headers.get("ratelimit-policy")).toContain('"key";q=2;w=2');
    expect(first.headers.get("ratelimit")).toContain('"key";r=1;t=1');
    expect(third.status).toBe(429);
    expect(third.headers.get("ratelimit")).toContain('"key";r=0;t=2');
  });

  it("is refused before its request is read when it has nothing left", async () => {
    await using api = await startLimited({ key: { ratePerS: 1, burst: 1 } });
    const post = () =>
      fetch(`${api.url}/${SERVICE}/TriggerBatch`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${api.apiKey}` },
        body: "[ not what anybody could read",
      });
    expect((await post()).status).toBe(400);
    expect((await api.trigger()).code).toBe(0);
    const refused = await post();
    expect([refused.status, refused.headers.get("ratelimit")]).toEqual([429, expect.stringContaining('"key";r=0;t=1')]);
  });

  it("gets the same fields as metadata of gRPC, also on the lean way", async () => {
    await using api = await startLimited({ key: { ratePerS: 1, burst: 2 } });
    const transport = createGrpcTransport({ baseUrl: api.url });
    const client = createClient(InterventionService, transport);
    const headers = { authorization: `Bearer ${api.apiKey}` };
    let told: string | null = null;
    const onHeader = (header: Headers) => {
      told = header.get("ratelimit");
    };
    await client.trigger(request(), { headers, onHeader });
    expect(told).toContain('"key";r=1;t=1');
  });

  it("is slowed down on a stream instead of being refused", async () => {
    await using api = await startLimited({ key: { ratePerS: 1_000, burst: 5 } });
    const client = createClient(InterventionService, createGrpcTransport({ baseUrl: api.url }));
    async function* requests() {
      for (let n = 0; n < 20; n += 1) yield { request: request() };
    }
    const answers: unknown[] = [];
    const moving = setInterval(() => api.pass(1), 1);
    for await (const answer of client.triggerStream(requests(), {
      headers: { authorization: `Bearer ${api.apiKey}` },
    }))
      answers.push(answer);
    clearInterval(moving);
    expect(answers).toHaveLength(20);
    expect(await api.count()).toBe(20);
  });
});

describe("a stream that waits for its share", () => {
  /** Its first request takes all there is, and the clock stands still. */
  const startHeld = async () => {
    const api = await startLimited({ key: { ratePerS: 10, burst: 1 } });
    const transport = createGrpcTransport({ baseUrl: api.url });
    return { ...api, transport, options: { headers: { authorization: `Bearer ${api.apiKey}` } } };
  };
  const stopping = { code: Code.Unavailable, message: expect.stringContaining("the engine does not answer") };

  it("ends with its answers and as Unavailable when the server stops", async () => {
    await using api = await startHeld();
    const client = createClient(InterventionService, api.transport);
    async function* requests() {
      for (let n = 0; n < 2; n += 1) yield { request: request() };
    }
    const answers: unknown[] = [];
    const read = async () => {
      for await (const answer of client.triggerStream(requests(), api.options)) {
        answers.push(answer);
        void api.stop();
      }
    };
    await expect(read()).rejects.toMatchObject(stopping);
    expect(answers).toHaveLength(1);
  });

  it("ends an import as Unavailable, and does not take what has come for all of it", async () => {
    await using api = await startHeld();
    const client = createClient(ProfileService, api.transport);
    async function* file() {
      yield { part: { case: "header" as const, value: { format: ImportHeader_Format.NDJSON } } };
      yield { part: { case: "data" as const, value: new TextEncoder().encode('{"userId":"ada"}\n') } };
    }
    const read = async () => {
      for await (const answer of client.import(file(), api.options)) expect(answer).toBeUndefined();
    };
    const reading = expect(read()).rejects.toMatchObject(stopping);
    await until(() => api.refusals() > 0, "the second message to wait");
    await Promise.all([reading, api.stop()]);
  });
});

describe("nodes", () => {
  it("share the limit of a key: what passes at one is missing at the others", async () => {
    await using api = await startLimited({ key: { ratePerS: 1, burst: 100 } });
    const [second, third] = [api.startNode(), api.startNode()];
    const caller = api.access.findService(api.apiKey);
    if (caller === undefined) throw new Error("the key is not known");
    expect(second.charge(caller, 60).kind).toBe("passed");
    const left = (node: CallLimits) => node.charge(caller, 0).standings[0]?.tokens;
    await until(() => left(third) === 40, "the third node to hear of it");
    expect(third.charge(caller, 41).kind).toBe("refused");
    expect(third.charge(caller, 40).kind).toBe("passed");
    await until(() => left(second) === 0, "the second node to hear of that");
    expect(second.charge(caller, 1).kind).toBe("refused");
    expect((await api.trigger()).code).toBe(RESOURCE_EXHAUSTED);
  });

  it("hold nothing against a key that has kept to its limit at another node", async () => {
    await using api = await startLimited({ key: { ratePerS: 100, burst: 100 } });
    const [second, third] = [api.startNode(), api.startNode()];
    const caller = api.access.findService(api.apiKey);
    if (caller === undefined) throw new Error("the key is not known");
    for (let seconds = 0; seconds < 500; seconds += 1) {
      expect(second.charge(caller, 100).kind).toBe("passed");
      // Told at the end of the turn, and heard before the answer to a ping.
      await new Promise((resolve) => setImmediate(resolve));
      await api.bus.nc.flush();
      api.pass(1_000);
    }
    expect(third.charge(caller, 100).kind).toBe("passed");
  });
});
