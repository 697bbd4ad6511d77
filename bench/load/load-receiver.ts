import { WebSocket } from "ws";
import { Latencies, machineMs } from "../latencies.ts";
import { parentChannel } from "./channel.ts";
import { type FromReceiver, intendedMs, numberOf, type Schedule, type ToReceiver } from "./messages.ts";

/** Holds many sockets and does on each what the client library does (hello, one report of delivered and displayed for each
 *  intervention, pong), with as little code as it can: on two cores the load must leave them to the engine. */
const parent = parentChannel<ToReceiver, FromReceiver>();
const { edgeUrl, tokens } = await parent.next("open");

const openAtOnce = 100;
/** A source address has some 28,000 ports to one address; the engine allows 20,000 sockets from one. */
const socketsPerAddress = 10_000;

const latencies = new Latencies();
const arrivals: [id: string, ms: number][] = [];
const seen = new Set<string>();
const untracked = new Set<string>();
const faults: Record<string, number> = {};
let schedule: Schedule | undefined;
let twice = 0;
let closed = 0;
let refs = 0;
const cpuBefore = process.cpuUsage();

for (let first = 0; first < tokens.length; first += openAtOnce) {
  await Promise.all(tokens.slice(first, first + openAtOnce).map((token, i) => open(token, first + i)));
}
const starting = parent.next("start");
const finishing = parent.next("finish");
parent.send({ kind: "opened" });
void answerCounts();
schedule = (await starting).schedule;
await finishing;
const { user, system } = process.cpuUsage(cpuBefore);
parent.send({
  kind: "finished",
  ids: [...seen],
  twice,
  latencies: latencies.toText(),
  arrivals,
  closed,
  faults,
  cpuS: (user + system) / 1e6,
});

async function answerCounts(): Promise<void> {
  for (;;) {
    await parent.next("count");
    parent.send({ kind: "counted", received: seen.size, untracked: untracked.size });
  }
}

/** Resolves with the welcome. */
function open(token: string, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(
      `${edgeUrl.replace(/^http/, "ws")}/v1/socket`,
      ["intervention.v1.json", `token.${token}`],
      {
        perMessageDeflate: false,
        localAddress: `127.0.0.${1 + Math.floor(index / socketsPerAddress)}`,
      },
    );
    socket.on("open", () => socket.send(JSON.stringify({ hello: { client: "load-receiver/1" } })));
    socket.on("error", reject);
    socket.on("close", (code) => {
      closed += 1;
      reject(new Error(`a socket was closed with ${code} before its welcome`));
    });
    socket.on("message", (data) => {
      const frame: Frame = JSON.parse(String(data));
      if (frame.intervention !== undefined) receive(socket, frame.intervention);
      else if (frame.tracked !== undefined) for (const ref of frame.tracked.refs) untracked.delete(ref);
      else if (frame.ping !== undefined) socket.send('{"pong":{}}');
      else if (frame.welcome !== undefined) resolve();
      else if (frame.fault !== undefined) faults[frame.fault.reason] = (faults[frame.fault.reason] ?? 0) + 1;
    });
  });
}

/** What of a server frame is read here. */
type Frame = {
  readonly welcome?: object;
  readonly ping?: object;
  readonly intervention?: { readonly interventionId: string; readonly content: { readonly title: string } };
  readonly tracked?: { readonly refs: readonly string[] };
  readonly fault?: { readonly reason: string };
};

function receive(socket: WebSocket, { interventionId, content }: NonNullable<Frame["intervention"]>): void {
  const n = numberOf(content.title);
  if (!(n < 0) && schedule !== undefined) {
    if (seen.has(interventionId)) twice += 1;
    else if (Number.isNaN(n)) arrivals.push([interventionId, machineMs()]);
    else latencies.record(machineMs() - intendedMs(schedule, n));
    seen.add(interventionId);
  }
  const occurTime = new Date().toISOString();
  const events = ["DELIVERED", "DISPLAYED"].map((kind) => {
    const ref = `r${refs++}`;
    untracked.add(ref);
    return { ref, kind: `EVENT_KIND_${kind}`, interventionId, occurTime };
  });
  socket.send(JSON.stringify({ track: { events } }));
}
