import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { headers } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import {
  type InterventionMessage,
  InterventionMessageSchema,
  RealtimeMessageSchema,
} from "../../gen/intervention/v1/bus_pb.js";
import { DecisionInputSchema, DecisionSchema } from "../../gen/intervention/v1/decision_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel, Priority, State } from "../../gen/intervention/v1/intervention_pb.js";
import { findOldestWaitingMs, listDeadLetters, PresenceAnnouncer, packItems, replayDeadLetter } from "../bus/index.ts";
import { ServiceContainer } from "../container.ts";
import { decide } from "../domain/decision/decide.ts";
import { toState } from "../domain/intervention-state.ts";
import { countUnread, listEvents, listRounds } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";
import { DECIDERS } from "./decide.ts";
import { acceptMessages } from "./testing/accept-messages.ts";
import { Walk } from "./walk.ts";

type Parts = Awaited<ReturnType<typeof startParts>>;
type Init = Extract<MessageInitShape<typeof InterventionMessageSchema>, { $typeName?: never }>;

let made = 0;
function message(changes: Init = {}): InterventionMessage {
  made += 1;
  return create(InterventionMessageSchema, {
    workspace: "main",
    interventionId: `iv${made}`,
    idempotencyKey: `key${made}`,
    recipient: { userId: "ada" },
    content: { title: "Still thinking?" },
    priority: Priority.NORMAL,
    policy: {},
    acceptTime: timestampFromDate(new Date()),
    ...changes,
  });
}

const rounds = ({ store }: Parts, id: string) => listRounds(store, "main", id);
const kinds = async ({ store }: Parts, id: string) =>
  (await listEvents(store, "main", id)).map(({ kind }) => kind).toSorted((a, b) => a.localeCompare(b));
const stateOf = async (parts: Parts, id: string) => toState((await rounds(parts, id)).at(-1), await kinds(parts, id));
const decided = (parts: Parts, id: string) => until(async () => (await rounds(parts, id)).at(-1), `decision of ${id}`);

describe("deciding", () => {
  it("sends to a live socket, records why, and the record decides the same again", async () => {
    await using parts = await startParts();
    const presence = new PresenceAnnouncer(parts.bus, "g1");
    presence.add("main", "ada");
    const pushed: string[] = [];
    parts.bus.nc.subscribe(parts.bus.subjects.all.live, {
      callback: (_, { data, headers: found }) => {
        const body = fromBinary(RealtimeMessageSchema, data).message;
        pushed.push(`${body.case} ${body.value?.interventionId} at ${found?.get("Nats-Sequence")}`);
      },
    });
    await parts.bus.nc.flush();
    await parts.container.get(parts.services.decide);
    await parts.container.get(parts.services.track);
    const one = message();
    await acceptMessages(parts, [one]);
    const document = await decided(parts, one.interventionId);
    expect(document).toMatchObject({ outcome: "send", channel: "realtime" });
    expect(await stateOf(parts, one.interventionId)).toBe(State.SENT);
    const input = fromBinary(DecisionInputSchema, document.input?.value() ?? new Uint8Array());
    expect(Buffer.from(toBinary(DecisionSchema, decide(input)))).toEqual(Buffer.from(document.decision.value()));
    await until(() => pushed.length > 0, "push");
    expect(pushed).toEqual([`intervention ${one.interventionId} at 1`]);
    await until(async () => (await kinds(parts, one.interventionId)).length === 3, "events");
    expect(await kinds(parts, one.interventionId)).toEqual(["accepted", "decided", "sent"]);
    presence.stop();
  });

  it("puts it into the inbox of a user who is away, and takes the same message twice without deciding twice", async () => {
    await using parts = await startParts();
    await parts.container.get(parts.services.decide);
    await parts.container.get(parts.services.track);
    const one = message();
    await acceptMessages(parts, [one]);
    await decided(parts, one.interventionId);
    const again = packItems([toBinary(InterventionMessageSchema, one)]);
    await parts.bus.js.publish(parts.bus.subjects.intervention("main", "normal"), again);
    await parts.bus.js.publish(parts.bus.subjects.intervention("main", "high"), again);
    await until(
      async () => (await findOldestWaitingMs(parts.bus, DECIDERS)) === Number.POSITIVE_INFINITY,
      "empty queue",
    );
    expect(await rounds(parts, one.interventionId)).toHaveLength(1);
    expect(await parts.store.inbox.find().toArray()).toMatchObject([{ _id: one.interventionId, userId: "ada" }]);
    await until(async () => (await kinds(parts, one.interventionId)).length === 3, "events");
    expect(await kinds(parts, one.interventionId)).toEqual(["accepted", "decided", "inboxed"]);
  });

  it("keeps a frequency cap however many deciders meet at one user", async () => {
    await using parts = await startParts();
    const others = Array.from({ length: 3 }, () => new ServiceContainer());
    await parts.container.get(parts.services.decide);
    await Promise.all(others.map((other) => other.get(parts.services.decide)));
    const capped = Array.from({ length: 120 }, () =>
      message({ policy: { frequencyCap: { max: 7, window: { seconds: 3_600n } } } }),
    );
    // One by one, so that they spread over the deciders.
    await Promise.all(capped.map((one) => acceptMessages(parts, [one])));
    const all = await until(async () => {
      const documents = await parts.store.decisions.find().toArray();
      return documents.length === capped.length && documents;
    }, "every decision");
    expect(all.filter(({ outcome }) => outcome === "send")).toHaveLength(7);
    expect(all.filter(({ outcome }) => outcome === "suppress")).toHaveLength(113);
    await Promise.all(others.map((other) => other.stop()));
  });

  it("takes the time zone of a user who has none from the workspace, and says so in the record", async () => {
    await using parts = await startParts({ DEFAULT_TIME_ZONE: "Asia/Tokyo" });
    await parts.store.workspaces.updateOne({ _id: "main" }, { $set: { defaultTimeZone: "Europe/Paris" } });
    await parts.container.get(parts.services.decide);
    const one = message();
    await acceptMessages(parts, [one]);
    const { input } = await decided(parts, one.interventionId);
    expect(fromBinary(DecisionInputSchema, input?.value() ?? new Uint8Array()).defaultTimeZone).toBe("Europe/Paris");
  });

  it("waits for the end of quiet hours and then decides again", async () => {
    await using parts = await startParts();
    await parts.container.get(parts.services.decide);
    // Quiet until the next full minute by the wall clock: the shortest quiet time there is.
    const clock = (at: Date) => at.toISOString().slice(11, 16);
    const now = new Date();
    const one = message({
      policy: { quietHours: { start: clock(now), end: clock(new Date(now.getTime() + 60_000)) } },
    });
    await acceptMessages(parts, [one]);
    const first = await decided(parts, one.interventionId);
    // On the very last millisecond of a minute it may be sent at once; then there is nothing to wait for.
    if (first.outcome === "delay") {
      const second = await until(async () => (await rounds(parts, one.interventionId))[1], "second round", 75_000);
      expect(second.outcome).toBe("send");
      expect(second.decidedAt.getTime()).toBeGreaterThanOrEqual(first.notBefore?.getTime() ?? Number.POSITIVE_INFINITY);
    } else expect(first.outcome).toBe("send");
  }, 90_000);

  it("buries what is no intervention, goes on with the rest, and replays it when asked", async () => {
    await using parts = await startParts();
    await parts.container.get(parts.services.decide);
    const subject = parts.bus.subjects.intervention("main", "normal");
    const h = headers();
    h.set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
    await parts.bus.js.publish(subject, new Uint8Array([255, 1, 2]), { headers: h });
    const one = message();
    await acceptMessages(parts, [one]);
    await decided(parts, one.interventionId);
    const [letter] = await until(async () => {
      const letters = await listDeadLetters(parts.bus, { workspace: "main", after: 0, limit: 10 });
      return letters.length > 0 && letters;
    }, "dead letter");
    expect(letter).toMatchObject({ stream: "INTERVENTIONS", subject, reason: "malformed", attempts: 1 });
    expect([...(letter?.data ?? [])]).toEqual([255, 1, 2]);
    expect(letter?.headers).toEqual({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00" });
    expect(await listDeadLetters(parts.bus, { workspace: "other", after: 0, limit: 10 })).toEqual([]);
    await expect(replayDeadLetter(parts.bus, { workspace: "other", sequence: letter?.sequence ?? 0 })).rejects.toThrow(
      "there is no dead letter",
    );
    await replayDeadLetter(parts.bus, { workspace: "main", sequence: letter?.sequence ?? 0 });
    const [second] = await until(async () => {
      const letters = await listDeadLetters(parts.bus, { workspace: "main", after: letter?.sequence ?? 0, limit: 10 });
      return letters.length > 0 && letters;
    }, "the letter again");
    expect(second?.sequence).toBeGreaterThan(letter?.sequence ?? 0);
  });
});

describe("tracking", () => {
  it("stores each event once, in any order, and keeps the furthest state", async () => {
    await using parts = await startParts();
    const presence = new PresenceAnnouncer(parts.bus, "g1");
    presence.add("main", "ada");
    await parts.container.get(parts.services.decide);
    await parts.container.get(parts.services.track);
    const events = await parts.container.get(parts.services.events);
    const one = message();
    await acceptMessages(parts, [one]);
    await decided(parts, one.interventionId);
    const report = (kind: EventKind, name: string) =>
      create(EventSchema, {
        eventId: `${one.interventionId}:${name}`,
        kind,
        workspace: "main",
        interventionId: one.interventionId,
        userId: "ada",
        channel: Channel.REALTIME,
        occurTime: timestampFromDate(new Date()),
      });
    const clicked = report(EventKind.CLICKED, "clicked:c1");
    await events.publish([clicked, report(EventKind.DISPLAYED, "displayed"), clicked]);
    await events.publish([report(EventKind.DELIVERED, "delivered"), report(EventKind.DELIVERED, "delivered")]);
    await until(async () => (await kinds(parts, one.interventionId)).length === 6, "events");
    expect(await kinds(parts, one.interventionId)).toEqual([
      "accepted",
      "clicked",
      "decided",
      "delivered",
      "displayed",
      "sent",
    ]);
    expect(await stateOf(parts, one.interventionId)).toBe(State.CLICKED);
    presence.stop();
  });
});

describe("the clock", () => {
  it("moves what no device acknowledged to the inbox, and withdraws it when a device shows it after all", async () => {
    await using parts = await startParts({ UNDELIVERED_AFTER_MS: "500" });
    const presence = new PresenceAnnouncer(parts.bus, "g1");
    presence.add("main", "ada");
    for (const role of ["decide", "track", "schedule"] as const) await parts.container.get(parts.services[role]);
    const one = message();
    await acceptMessages(parts, [one]);
    await until(async () => (await stateOf(parts, one.interventionId)) === State.INBOXED, "inboxed");
    const inbox = () => countUnread(parts.store, { workspaceId: "main", userId: "ada", now: new Date() });
    expect(await inbox()).toBe(1);
    const events = await parts.container.get(parts.services.events);
    await events.publish([
      create(EventSchema, {
        eventId: `${one.interventionId}:delivered`,
        kind: EventKind.DELIVERED,
        workspace: "main",
        interventionId: one.interventionId,
        userId: "ada",
        channel: Channel.REALTIME,
        occurTime: timestampFromDate(new Date()),
      }),
    ]);
    await until(async () => (await inbox()) === 0, "out of the inbox again");
    expect(await stateOf(parts, one.interventionId)).toBe(State.DELIVERED);
    presence.stop();
  });

  it("ends what expired before any device acknowledged it", async () => {
    await using parts = await startParts({ UNDELIVERED_AFTER_MS: "1500" });
    const presence = new PresenceAnnouncer(parts.bus, "g1");
    presence.add("main", "ada");
    for (const role of ["decide", "track", "schedule"] as const) await parts.container.get(parts.services[role]);
    const one = message({ expireTime: timestampFromDate(new Date(Date.now() + 1_000)) });
    await acceptMessages(parts, [one]);
    await until(async () => (await stateOf(parts, one.interventionId)) === State.EXPIRED, "expired");
    expect(await parts.store.inbox.countDocuments({})).toBe(0);
    await until(async () => (await kinds(parts, one.interventionId)).includes("expired"), "event");
    presence.stop();
  });

  it("puts accepted interventions on the stream again that the broker has lost, and says so", async () => {
    await using parts = await startParts();
    const lost = Array.from({ length: 25 }, () => message());
    await acceptMessages(parts, lost);
    await parts.bus.jsm.streams.purge(parts.bus.subjects.stream("INTERVENTIONS"));
    const metrics = await parts.container.get(parts.services.metrics);
    const events = await parts.container.get(parts.services.events);
    const log = await parts.container.get(parts.services.log);
    const walk = new Walk(
      {
        bus: parts.bus,
        store: parts.store,
        events,
        metrics,
        log,
        undeliveredAfterMs: 30_000,
        undecidedAfterMs: 30_000,
      },
      { id: "main", createdAt: new Date() },
    );
    const later = new Date(Date.now() + 60_000);
    expect(await walk.step(later)).toBe(25);
    await parts.container.get(parts.services.decide);
    await until(async () => (await parts.store.decisions.countDocuments({})) === 25, "every decision");
    expect(await walk.step(later)).toBe(0);
    expect((await metrics.reconciled.get()).values[0]?.value).toBe(25);
  });

  it("writes the inbox item of a decision whose maker died before it did", async () => {
    await using parts = await startParts({ UNDELIVERED_AFTER_MS: "500" });
    for (const role of ["decide", "track"] as const) await parts.container.get(parts.services[role]);
    const one = message();
    await acceptMessages(parts, [one]);
    await until(async () => (await kinds(parts, one.interventionId)).includes("inboxed"), "inboxed");
    // What a maker that died right after its decision leaves behind.
    await parts.store.inbox.deleteMany({});
    await parts.store.events.deleteMany({});
    await parts.container.get(parts.services.schedule);
    const inbox = () => countUnread(parts.store, { workspaceId: "main", userId: "ada", now: new Date() });
    await until(async () => (await inbox()) === 1, "in the inbox after all");
  });

  it("is not held up for ever by an accepted intervention that nobody can decide", async () => {
    await using parts = await startParts();
    const { bus, container, services, store } = parts;
    await acceptMessages(parts, [message()]);
    const [metrics, events, log] = [
      await container.get(services.metrics),
      await container.get(services.events),
      await container.get(services.log),
    ];
    const options = { bus, store, events, metrics, log, undeliveredAfterMs: 1_000, undecidedAfterMs: 1_000 };
    const walk = new Walk(options, { id: "main", createdAt: new Date() });
    const checkpoint = async () => (await store.checkpoints.findOne({ _id: "accepted/main" }))?.at?.getTime() ?? 0;
    await walk.step(new Date(Date.now() + 60_000));
    expect(await checkpoint()).toBeLessThanOrEqual(Date.now());
    const muchLater = new Date(Date.now() + 3_600_000);
    await walk.step(muchLater);
    expect(await checkpoint()).toBeGreaterThan(Date.now());
  });
});
