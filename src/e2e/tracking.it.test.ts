import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { describe, expect, inject, it } from "vitest";
import { DecisionSchema } from "../../gen/intervention/v1/decision_pb.js";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { EventPublisher, toKindName } from "../bus/index.ts";
import { startRoleProcess } from "../start/role-process.ts";
import { decisionId, insertDecisions, type Store, toOrderKey } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

const USERS = 200;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** When everybody buys. */
const ORDER_MS = Date.now() - 2 * DAY_MS;
const KILLS = 4;
const BATCH = 100;

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Each user sees and clicks some messages of one campaign each, buys, and every third sends some of it back. Times are of a pattern
 *  in which some are just within their windows and some just without. */
function makeEvents(): Event[] {
  return Array.from({ length: USERS }, (_, n) => {
    const userId = `u${n}`;
    const touches = Array.from({ length: 1 + (n % 4) }, (_, i) => {
      const kind = (n + i) % 2 === 0 ? EventKind.CLICKED : EventKind.DISPLAYED;
      const windowMs = kind === EventKind.CLICKED ? 7 * DAY_MS : DAY_MS;
      const beforeMs = [windowMs, windowMs + 1, windowMs / 2, -1][(n + 3 * i) % 4] ?? 0;
      const interventionId = `iv${n}x${i}`;
      return create(EventSchema, {
        eventId: `${interventionId}:${toKindName(kind)}${kind === EventKind.CLICKED ? ":1" : ""}`,
        ...{ kind, workspace: "main", interventionId, userId, occurTime: timestampFromMs(ORDER_MS - beforeMs + i) },
      });
    });
    const eventId = toOrderKey("main", `o${n}`);
    const order = { workspace: "main", userId, orderId: `o${n}`, currency: "EUR" };
    const told = (id: string, kind: EventKind, valueMinor: number) =>
      create(EventSchema, {
        ...{ ...order, eventId: id, kind, valueMinor: BigInt(valueMinor), occurTime: timestampFromMs(ORDER_MS) },
      });
    return [
      ...touches,
      told(eventId, EventKind.CONVERTED, 100 + n),
      ...(n % 3 === 0 ? [told(`${eventId}:r`, EventKind.REFUNDED, 2 * n)] : []),
    ];
  }).flat();
}

const atMs = ({ occurTime }: Event) => Number(occurTime?.seconds ?? 0n) * 1_000 + (occurTime?.nanos ?? 0) / 1e6;

/** What is to be stored of each order, by a simple count of the made-up events: what is left of it, and whom first and last credit. */
function recount(events: readonly Event[]) {
  return events
    .filter(({ kind }) => kind === EventKind.CONVERTED)
    .map(({ userId, orderId, valueMinor }) => {
      const own = events.filter((event) => event.userId === userId);
      const back = own.find(({ kind }) => kind === EventKind.REFUNDED)?.valueMinor ?? 0n;
      const path = own
        .filter((event) => {
          const age = ORDER_MS - atMs(event);
          if (event.kind === EventKind.CLICKED) return age >= 0 && age <= 7 * DAY_MS;
          return event.kind === EventKind.DISPLAYED && age >= 0 && age <= DAY_MS;
        })
        .sort((a, b) => atMs(a) - atMs(b))
        .map(({ eventId }) => eventId);
      return { orderId, path, net: Math.max(0, Number(valueMinor) - Number(back)) };
    })
    .sort((a, b) => (a.orderId < b.orderId ? -1 : 1));
}

/** Everything that touches report of was decided once. */
async function decideAll(store: Store, events: readonly Event[]): Promise<void> {
  const decision = new Binary(toBinary(DecisionSchema, create(DecisionSchema, { channel: Channel.EMAIL })));
  await insertDecisions(
    store,
    events
      .filter(({ interventionId }) => interventionId !== "")
      .map(({ interventionId, userId }) => ({
        ...{ _id: decisionId(interventionId, 0), workspaceId: "main", interventionId, userId, campaign: "spring" },
        ...{ round: 0, outcome: "send" as const, channel: "email" as const, decidedAt: new Date(ORDER_MS), decision },
      })),
  );
}

describe("a recorder that is killed again and again", () => {
  it("stores each event once and credits each order to the cent, whatever comes late, twice or in another order", async () => {
    await using parts = await startParts();
    const { store, bus, config } = parts;
    const logDir = await mkdtemp(join(tmpdir(), "tracking-"));
    const events = makeEvents();
    await decideAll(store, events);
    const { PATH, HOME } = process.env;
    await using recorder = await startRoleProcess({
      roles: ["track"],
      env: {
        ...{ PATH, HOME, DATA_DIR: logDir, EDGE_PORT: "0", GRPC_PORT: "0", ADMIN_PORT: "0" },
        ...{ NATS_URL: inject("natsUrl"), NATS_MONITOR_URL: inject("natsMonitorUrl"), NAMESPACE: config.NAMESPACE },
        ...{ MONGODB_URL: inject("mongodbUrl"), MONGODB_DATABASE: config.MONGODB_DATABASE },
      },
      logDir,
      log: quiet,
    });
    // Each twice, and shuffled the same way in each run.
    const shuffled = [...events, ...events].map((event, i) => ({ event, place: (i * 7_919) % 10_007 }));
    const sent = shuffled.sort((a, b) => a.place - b.place).map(({ event }) => event);
    const publisher = new EventPublisher(bus);
    const killEvery = Math.floor(sent.length / BATCH / (KILLS + 1));
    for (let batch = 0; batch * BATCH < sent.length; batch += 1) {
      await publisher.publish(sent.slice(batch * BATCH, (batch + 1) * BATCH));
      if (batch % killEvery !== killEvery - 1 || recorder.restarts >= KILLS) continue;
      const { restarts } = recorder;
      recorder.kill("SIGKILL");
      await until(() => recorder.restarts > restarts && recorder.pid, "another recorder");
    }
    const stream = bus.subjects.stream("TRACKING");
    await until(
      async () => {
        const { num_pending, num_ack_pending } = await bus.jsm.consumers.info(stream, "track");
        return num_pending + num_ack_pending === 0;
      },
      "all recorded",
      60_000,
    );
    expect(recorder.restarts).toBeGreaterThanOrEqual(2);
    const ids = [...(await store.events.find({}).toArray()), ...(await store.orderEvents.find({}).toArray())];
    expect(ids).toHaveLength(events.length);
    expect(new Set(ids.map(({ _id }) => _id))).toEqual(new Set(events.map(({ eventId }) => eventId)));
    const found = await store.conversions.find({}).toArray();
    const credited = found.map(({ orderId, path, credits, valueMinor, refundedMinor }) => {
      const net = valueMinor - refundedMinor;
      for (const shares of Object.values(credits))
        if (path.length > 0) expect(shares.reduce((sum, one) => sum + one, 0)).toBe(net);
      expect([credits.first[0], credits.last.at(-1)]).toEqual(path.length > 0 ? [net, net] : [undefined, undefined]);
      return { orderId, path: path.map(({ id }) => id), net };
    });
    expect(credited.sort((a, b) => (a.orderId < b.orderId ? -1 : 1))).toEqual(recount(events));
    await rm(logDir, { recursive: true, force: true });
  }, 150_000);
});
