import { createClient } from "@connectrpc/connect";
import { WebSocket } from "ws";
import { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import type { Engine } from "../../src/start/index.ts";
import { forEachOf, toTransport } from "../call-engine.ts";
import type { TrackStore } from "./open-track-store.ts";
import { waitForAll } from "./wait-for-all.ts";

const perFrame = 20;
const openAtOnce = 50;

/** Reports clicks as devices do: each socket sends a frame when the one before is on disk. */
export async function reportOverSockets(
  engine: Engine,
  store: TrackStore,
  { events, sockets }: { readonly events: number; readonly sockets: number },
) {
  const ids = await store.send("s", sockets, sockets);
  const before = await store.events.estimatedDocumentCount();
  const client = createClient(SessionService, toTransport(engine));
  const open: WebSocket[] = [];
  await forEachOf([...Array(sockets).keys()], openAtOnce, async (n) => {
    const { token } = await client.createToken({ userId: `u${n}` });
    open[n] = await openSocket(engine, token);
  });
  const each = Math.ceil(events / sockets / perFrame) * perFrame;
  const startMs = performance.now();
  await Promise.all(open.map((socket, n) => reportAll(socket, ids[n] ?? "", each)));
  const total = each * sockets;
  const missing = await waitForAll(store.events as never, before, total);
  const storedS = (performance.now() - startMs) / 1_000;
  for (const socket of open) socket.close();
  return { storedPerS: total / storedS, lost: Math.max(0, missing), twice: Math.max(0, -missing) };
}

function openSocket(engine: Engine, token: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const url = `${engine.edgeUrl.replace(/^http/, "ws")}/v1/socket`;
    const socket = new WebSocket(url, ["intervention.v1.json", `token.${token}`], { perMessageDeflate: false });
    socket.on("open", () => socket.send(JSON.stringify({ hello: { client: "bench/1" } })));
    socket.on("error", reject);
    socket.once("message", () => resolve(socket));
  });
}

/** Resolves when all are said to be on disk. */
function reportAll(socket: WebSocket, interventionId: string, count: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let sent = 0;
  let tracked = 0;
  const sendNext = () => {
    const events = Array.from({ length: perFrame }, (_, i) => ({
      ...{ ref: `r${sent + i}`, kind: "EVENT_KIND_CLICKED", interventionId, clickId: `c${sent + i}` },
    }));
    sent += perFrame;
    socket.send(JSON.stringify({ track: { events } }));
  };
  socket.on("message", (data) => {
    const frame: { tracked?: { refs: string[] }; fault?: { reason: string }; ping?: object } = JSON.parse(String(data));
    if (frame.ping !== undefined) socket.send('{"pong":{}}');
    if (frame.fault !== undefined) reject(new Error(`a report was refused: ${frame.fault.reason}`));
    if (frame.tracked === undefined) return;
    tracked += frame.tracked.refs.length;
    if (tracked >= count) resolve();
    else if (tracked === sent) sendNext();
  });
  socket.on("close", () => reject(new Error("a socket was closed")));
  sendNext();
  return promise.finally(() => socket.removeAllListeners("close"));
}
