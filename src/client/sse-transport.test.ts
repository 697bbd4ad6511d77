import { describe, expect, it, test } from "vitest";
import type { ClientEvent } from "./frame.ts";
import { openSse } from "./sse-transport.ts";
import { settled } from "./testing/manual-clock.ts";

describe("server-sent events", () => {
  it("says in headers who it is and where to go on, and nothing of it in the address", () => {
    const { requests } = open({ resume: { epoch: "e1", offset: "7" } });
    expect(requests[0]?.url).toBe("http://engine.test/v1/events");
    expect(requests[0]?.headers.get("authorization")).toBe("Bearer a.b.c");
    expect(requests[0]?.headers.get("last-event-id")).toBe("e1:7");
    expect(open({}).requests[0]?.headers.has("last-event-id")).toBe(false);
  });

  it("brings each event as a frame, hears comments, and ends with the stream", async () => {
    const { heard, push, finish } = open({});
    await settled();
    push('id: e:1\ndata: {"ping"');
    push(":{}}\n\n:\n\n");
    finish();
    await settled();
    expect(heard).toEqual(["opened", '{"ping":{}}', "heard", "ended 1006"]);
  });

  test.each([
    { status: 401, code: 4001 },
    { status: 403, code: 4003 },
    { status: 429, code: 4009 },
    { status: 503, code: 1012 },
    { status: 404, code: 1006 },
  ])("ends with $code when the engine answers $status", async ({ status, code }) => {
    const { heard } = open({ events: () => new Response("", { status }) });
    await settled();
    expect(heard).toEqual([`ended ${code}`]);
  });

  it("says nothing any more once it is closed, not even the rest of what has come", async () => {
    const { heard, push, transport } = open({ onReceived: (close) => close() });
    await settled();
    push("data: 1\n\ndata: 2\n\n");
    await settled();
    transport.close();
    await settled();
    expect(heard).toEqual(["opened", "1"]);
  });

  it("posts tracking events and brings the answer as the frames a socket would have brought", async () => {
    const { transport, heard, posted } = open({
      track: () =>
        Response.json({ refs: ["r1"], faults: [{ reason: "BAD_EVENT", message: "no such kind", refs: ["r2"] }] }),
    });
    transport.send({ hello: { client: "c" } });
    transport.send({ pong: {} });
    transport.send({ track: { events: [event("r1"), event("r2")] } });
    await settled();
    expect(posted).toEqual([["r1", "r2"]]);
    expect(heard.slice(1)).toEqual([
      '{"tracked":{"refs":["r1"]}}',
      '{"fault":{"reason":"BAD_EVENT","message":"no such kind","refs":["r2"]}}',
    ]);
  });

  it("finds the one event among good ones that the engine cannot read", async () => {
    const { transport, heard } = open({
      track: (refs) =>
        refs.includes("bad") ? Response.json({ message: "no Track" }, { status: 400 }) : Response.json({ refs }),
    });
    transport.send({ track: { events: ["r1", "r2", "bad", "r3"].map(event) } });
    await settled();
    await settled();
    expect(heard.slice(1)).toEqual([
      '{"tracked":{"refs":["r1","r2"]}}',
      '{"fault":{"reason":"BAD_EVENT","message":"no Track","refs":["bad"]}}',
      '{"tracked":{"refs":["r3"]}}',
    ]);
  });

  it("ends as a socket does whose token is refused", async () => {
    const { transport, heard } = open({ track: () => new Response("", { status: 401 }) });
    transport.send({ track: { events: [event("r1")] } });
    await settled();
    expect(heard.slice(1)).toEqual(["ended 4001"]);
  });

  test.each([
    { name: "answers 503", track: () => new Response("", { status: 503 }), reason: "UNAVAILABLE" },
    { name: "answers 429", track: () => new Response("", { status: 429 }), reason: "RATE_LIMITED" },
    { name: "cannot be reached", track: () => Promise.reject(new TypeError("failed")), reason: "UNAVAILABLE" },
  ])("has events sent again when the engine $name", async ({ track, reason }) => {
    const { transport, heard } = open({ track });
    transport.send({ track: { events: [event("r1")] } });
    await settled();
    expect(JSON.parse(heard[1] ?? "")).toMatchObject({ fault: { reason, refs: ["r1"] } });
  });
});

function event(ref: string): ClientEvent {
  return { ref, kind: "EVENT_KIND_DISPLAYED", interventionId: `iv-${ref}`, occurTime: "2026-03-01T12:00:00.000Z" };
}

function open(options: {
  resume?: { epoch: string; offset: string };
  events?: () => Response;
  track?: (refs: string[]) => Response | Promise<Response>;
  onReceived?: (close: () => void) => void;
}) {
  const heard: string[] = [];
  const posted: string[][] = [];
  const requests: Request[] = [];
  const encoder = new TextEncoder();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const transport = openSse(
    async (input, init) => {
      const request = new Request(input, init);
      requests.push(request);
      if (request.method === "GET") return options.events?.() ?? new Response(readable);
      const { events }: { events: ClientEvent[] } = JSON.parse(await request.text());
      const refs = events.map(({ ref }) => ref);
      posted.push(refs);
      return options.track?.(refs) ?? Response.error();
    },
    { url: "http://engine.test", token: "a.b.c", resume: options.resume },
    {
      opened: () => heard.push("opened"),
      heard: () => heard.push("heard"),
      received: (text) => {
        heard.push(text);
        options.onReceived?.(() => transport.close());
      },
      ended: (code) => heard.push(`ended ${code}`),
    },
  );
  return {
    transport,
    heard,
    posted,
    requests,
    push: (text: string) => void writer.write(encoder.encode(text)),
    finish: () => void writer.close(),
  };
}
