import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import type { OutgoingMessage } from "./provider.ts";
import { relayProviders } from "./relay.ts";

const message = (n: number): OutgoingMessage => ({
  ...{ workspaceId: "main", deliveryId: `iv${n}:sms`, attempt: 1, to: "+49301234567" },
  content: { channel: "sms", from: "Shop", text: "Hello" },
});

describe("a relay", () => {
  let server: Server;
  let answer: (
    body: string,
    socket: Socket,
  ) => { status: number; body?: unknown; headers?: Record<string, string> } | undefined;
  const asked: { method: string; authorization: string; body: string }[] = [];
  beforeEach(async () => {
    asked.length = 0;
    server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      asked.push({ method: request.method ?? "", authorization: request.headers.authorization ?? "", body });
      const said = answer(body, request.socket);
      if (said === undefined) return;
      response.writeHead(said.status, said.headers);
      response.end(JSON.stringify(said.body ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = (token = "t") => {
    const provider = relayProviders({ allowPrivate: true }).find(({ channel }) => channel === "sms");
    if (provider === undefined) throw new Error("no relay");
    return provider.open({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, token });
  };
  const kinds = async (count = 2, signal = AbortSignal.timeout(5_000)) =>
    (
      await open().send(
        Array.from({ length: count }, (_, n) => message(n)),
        signal,
      )
    ).map(({ kind }) => kind);

  it("gets all messages in one call with the token, and its results are taken in order", async () => {
    const results = [
      { kind: "sent", providerMessageId: "m1" },
      { kind: "suppress", reason: "no such number" },
    ];
    answer = () => ({ status: 200, body: { results } });
    expect(await open().send([message(1), message(2)], AbortSignal.timeout(5_000))).toEqual(results);
    expect(asked).toMatchObject([{ method: "POST", authorization: "Bearer t" }]);
    expect(JSON.parse(asked[0]?.body ?? "")).toMatchObject({
      messages: [{ delivery_id: "iv1:sms", attempt: 1, to: "+49301234567", content: { text: "Hello" } }, {}],
    });
  });

  test.each([
    [401, "bad_credential"],
    [403, "bad_credential"],
    [429, "retry"],
    [503, "retry"],
    [413, "give_up"],
    [500, "unknown"],
    [502, "unknown"],
  ])("that answers %i makes of every message %s", async (status, kind) => {
    answer = () => ({ status });
    expect(await kinds()).toEqual([kind, kind]);
  });

  it("that gives fewer results than messages leaves all of them unknown", async () => {
    answer = () => ({ status: 200, body: { results: [{ kind: "sent", providerMessageId: "m" }] } });
    expect(await kinds()).toEqual(["unknown", "unknown"]);
  });

  it("that breaks off after the message has left, or says nothing in time, leaves it unknown", async () => {
    answer = (_, socket) => void socket.destroy();
    expect(await kinds()).toEqual(["unknown", "unknown"]);
    answer = () => undefined;
    expect(await kinds(1, AbortSignal.timeout(200))).toEqual(["unknown"]);
  });

  it("that can't be reached is tried again later", async () => {
    const sender = open();
    await new Promise((resolve) => server.close(resolve));
    expect(await sender.send([message(1)], AbortSignal.timeout(5_000))).toMatchObject([
      { kind: "retry", reason: "ECONNREFUSED" },
    ]);
  });

  it("is asked whether it takes the token without sending anything", async () => {
    answer = () => ({ status: 200 });
    expect(await open().check(AbortSignal.timeout(5_000))).toEqual({ ok: true });
    answer = () => ({ status: 401 });
    expect(await open().check(AbortSignal.timeout(5_000))).toEqual({ ok: false, reason: "the relay answered 401" });
    expect(asked.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });

  test.each(["http://example.com/", "https://127.0.0.1/", "https://[::1]/"])(
    "at %s is refused on a public engine",
    (url) => {
      const [provider] = relayProviders({ allowPrivate: false });
      expect(() => provider?.open({ url, token: "t" })).toThrow();
    },
  );
});
