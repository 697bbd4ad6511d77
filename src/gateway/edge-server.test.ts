import { connect } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../testing/until.ts";
import { EdgeServer } from "./edge-server.ts";

let edge: EdgeServer;
let url = "";
beforeEach(() => {
  edge = new EdgeServer({ host: "127.0.0.1", port: 0, allowedOrigins: [], log: pino({ level: "silent" }) });
});
afterEach(() => edge.close());
const listen = async () => {
  url = `http://127.0.0.1:${await edge.listen()}`;
};

describe("a route", () => {
  it("gets the request whole and answers after a wait", async () => {
    edge.route("post", "/echo/:id", async ({ method, path, query, headers, body, ip }) => {
      await new Promise((resolve) => setImmediate(resolve));
      return {
        status: 201,
        headers: { "x-back": headers.get("x-there") ?? "" },
        body: JSON.stringify({ method, path, q: query.get("q"), body: Buffer.from(body).toString(), ip }),
      };
    });
    await listen();
    const response = await fetch(`${url}/echo/7?q=%C3%BC`, {
      method: "POST",
      headers: { "x-there": "yes" },
      body: "hello",
    });
    expect([response.status, response.headers.get("x-back"), await response.json()]).toEqual([
      201,
      "yes",
      { method: "POST", path: "/echo/7", q: "ü", body: "hello", ip: "127.0.0.1" },
    ]);
  });

  it("that throws gives 500 and no more of why", async () => {
    edge.route("get", "/broken", () => {
      throw new Error("secret");
    });
    await listen();
    const response = await fetch(`${url}/broken`);
    expect([response.status, await response.text()]).toEqual([500, "internal error\n"]);
  });

  it("is told when its client goes, and does not touch the response any more", async () => {
    let state = "not called";
    edge.route("get", "/slow", async ({ signal }) => {
      state = "called";
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      state = "aborted";
      return { status: 200, body: "too late" };
    });
    await listen();
    const abort = new AbortController();
    const answer = fetch(`${url}/slow`, { signal: abort.signal }).catch((error: unknown) => error);
    await until(() => state === "called", "the call");
    abort.abort();
    await answer;
    await until(() => state === "aborted", "the abort");
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  it("streams more than the socket takes at once, all of it, at the reader's own pace", async () => {
    const chunk = new Uint8Array(100_000).fill(97);
    let made = 0;
    edge.route("get", "/stream", () => ({
      status: 200,
      body: (async function* () {
        for (; made < 200; made += 1) yield chunk;
      })(),
    }));
    await listen();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("GET /stream HTTP/1.1\r\nhost: x\r\n\r\n");
    socket.pause();
    let before = -1;
    await until(async () => {
      const isStill = made === before && made > 0;
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return isStill;
    }, "the stream to wait for its reader");
    expect(made).toBeLessThan(200);
    let bytes = 0;
    socket.on("data", (data) => {
      bytes += data.length;
    });
    socket.resume();
    await until(() => bytes > 200 * chunk.length, "all of it");
    socket.destroy();
  });

  it("breaks a stream off that fails half-way, so that the client does not take it for whole", async () => {
    edge.route("get", "/half", () => ({
      status: 200,
      body: (async function* () {
        yield new Uint8Array(10);
        throw new Error("the source failed");
      })(),
    }));
    await listen();
    const response = await fetch(`${url}/half`).catch((error: unknown) => error);
    if (response instanceof Response) await expect(response.arrayBuffer()).rejects.toThrow();
  });
});

describe("a stop", () => {
  it("lets a request under way have its answer", async () => {
    const running = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    edge.route("get", "/work", async () => {
      running.resolve();
      await finish.promise;
      return { status: 200, body: "done" };
    });
    await listen();
    const answer = fetch(`${url}/work`);
    await running.promise;
    const closed = edge.close();
    finish.resolve();
    expect(await (await answer).text()).toBe("done");
    await closed;
  });
});
