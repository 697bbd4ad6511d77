import { create, toBinary } from "@bufbuild/protobuf";
import { connect as connectOld } from "nats";
import pino from "pino";
import { describe, expect, it } from "vitest";
import { EventBatchSchema, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";
import {
  BatchPublisher,
  EventPublisher,
  findConsumer,
  findOldestWaitingMs,
  PresenceAnnouncer,
  PresenceView,
  trimAcknowledged,
  Worker,
} from "./index.ts";
import { ensurePlatformStream } from "./platform-stream.ts";

const silent = pino({ level: "silent" });
const bytes = (text: string) => new TextEncoder().encode(text);

describe("batch publisher", () => {
  it("stores a flood completely, in order, and far fewer commits than messages", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const publisher = new BatchPublisher(bus);
    await Promise.all(
      Array.from({ length: 5_000 }, (_, i) =>
        publisher.publish({
          subject: bus.subjects.intervention("w", "normal"),
          data: bytes(String(i)),
          messageId: `m${i}`,
        }),
      ),
    );
    expect(publisher.depth).toBe(0);
    const { state } = await bus.jsm.streams.info(bus.subjects.stream("INTERVENTIONS"));
    expect(state.messages).toBe(5_000);
    const last = await bus.jsm.direct.getMessage(bus.subjects.stream("INTERVENTIONS"), { seq: 5_000 });
    expect(last?.string()).toBe("4999");
  });

  it("stores the rest of a batch in which one id was stored before", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const publisher = new BatchPublisher(bus);
    const message = (id: number) => ({
      subject: bus.subjects.intervention("w", "normal"),
      data: bytes(String(id)),
      messageId: `m${id}`,
    });
    await publisher.publish(message(3));
    await publisher.publishAll([1, 2, 3, 4, 5].map(message));
    expect((await bus.jsm.streams.info(bus.subjects.stream("INTERVENTIONS"))).state.messages).toBe(5);
  });

  it("refuses what no stream takes instead of waiting for ever", async () => {
    await using parts = await startParts();
    await expect(
      new BatchPublisher(parts.bus).publish({ subject: "nobody.listens", data: bytes("x") }),
    ).rejects.toMatchObject({ kind: "unavailable", part: "bus" });
  });
});

describe("event publisher", () => {
  it("puts events of one kind and workspace into shared messages, which an older client reads too", async () => {
    await using parts = await startParts();
    const { bus, config } = parts;
    const old = await connectOld({ servers: config.NATS_URL ?? "" });
    const seen: string[] = [];
    old.subscribe(bus.subjects.track("w", "displayed"), {
      callback: (_, { data }) => void seen.push(String(data.length)),
    });
    await old.flush();
    const events = Array.from({ length: 700 }, (_, i) =>
      create(EventSchema, {
        eventId: `i${i}:displayed`,
        interventionId: `i${i}`,
        workspace: "w",
        kind: EventKind.DISPLAYED,
      }),
    );
    await new EventPublisher(bus).publish(events);
    const { state } = await bus.jsm.streams.info(bus.subjects.stream("TRACKING"));
    expect(state.messages).toBe(2);
    await until(() => seen.length === 2, "both messages at the older client");
    const first = toBinary(EventBatchSchema, create(EventBatchSchema, { events: events.slice(0, 500) }));
    expect(seen).toContain(String(first.length));
    await old.close();
  });
});

describe("worker", () => {
  it("hands a message that fails for its own reasons to the dead letters, and the others of its batch go on", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const handled: string[] = [];
    await new BatchPublisher(bus).publishAll(
      ["a", "poison", "b"].map((text) => ({ subject: bus.subjects.track("w", text), data: bytes(text) })),
    );
    await using _worker = await Worker.start({
      bus,
      log: silent,
      stream: "TRACKING",
      name: "test",
      filterSubject: bus.subjects.all.track,
      batchMax: 10,
      parse: (message) => message.string(),
      handle: async (batch) => {
        if (batch.includes("poison")) throw new TypeError("can't be done");
        handled.push(...batch);
      },
    });
    await until(
      async () => (await bus.jsm.streams.info(bus.subjects.stream("DEAD"))).state.messages === 1,
      "the burial",
      30_000,
    );
    expect(handled.toSorted((a, b) => a.localeCompare(b))).toEqual(["a", "b"]);
  });

  it("takes a lone message of a workspace before the many of another that were there first", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const handled: string[] = [];
    const release = Promise.withResolvers<void>();
    await using _worker = await Worker.start({
      bus,
      log: silent,
      stream: "TRACKING",
      name: "test",
      filterSubject: bus.subjects.all.track,
      batchMax: 100,
      takeMax: () => 10,
      parse: (message) => message.subject,
      handle: async (batch) => {
        await release.promise;
        handled.push(...batch);
      },
    });
    const publisher = new BatchPublisher(bus);
    await publisher.publishAll(
      Array.from({ length: 150 }, (_, n) => ({ subject: bus.subjects.track("noisy", "x"), data: bytes(`${n}`) })),
    );
    const quiet = bus.subjects.track("quiet", "x");
    await publisher.publish({ subject: quiet, data: bytes("one") });
    await until(async () => (await findConsumer(bus, "TRACKING", "test"))?.num_ack_pending === 151, "all to be pulled");
    release.resolve();
    await until(() => handled.length === 151, "all to be handled");
    expect(handled.indexOf(quiet)).toBeLessThan(12);
  });

  it("begins the next batch while the rest of one is not durable, and acknowledges it only then", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const release = Promise.withResolvers<void>();
    const handled: string[] = [];
    const publish = (text: string) =>
      new BatchPublisher(bus).publish({ subject: bus.subjects.track("w", "clicked"), data: bytes(text) });
    const waiting = async () => (await bus.jsm.consumers.info(bus.subjects.stream("TRACKING"), "test")).num_ack_pending;
    await using _worker = await Worker.start({
      ...{ bus, log: silent, stream: "TRACKING", name: "test", filterSubject: bus.subjects.all.track, batchMax: 1 },
      parse: (message) => message.string(),
      handle: async ([text = ""]) => {
        handled.push(text);
        return { rest: text === "first" ? release.promise : Promise.resolve() };
      },
    });
    await publish("first");
    await publish("second");
    await until(async () => handled.length === 2 && (await waiting()) === 1, "the second to be done with");
    release.resolve();
    await until(async () => (await waiting()) === 0, "the first to be acknowledged");
    expect(handled).toEqual(["first", "second"]);
  });

  it("handles messages again whose rest could not be made durable, and stops only after the rest", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const last = Promise.withResolvers<void>();
    const rests = [Promise.reject(new Error("the bus is gone")), last.promise];
    for (const rest of rests) rest.catch(() => undefined);
    let times = 0;
    const worker = await Worker.start({
      ...{ bus, log: silent, stream: "TRACKING", name: "test", filterSubject: bus.subjects.all.track, batchMax: 1 },
      parse: (message) => message.string(),
      handle: async () => ({ rest: rests[times++] ?? Promise.resolve() }),
    });
    await new BatchPublisher(bus).publish({ subject: bus.subjects.track("w", "clicked"), data: bytes("x") });
    await until(() => times === 2, "the second time");
    let isStopped = false;
    const stopping = worker.stop().then(() => {
      isStopped = true;
    });
    await bus.nc.flush();
    expect(isStopped).toBe(false);
    last.resolve();
    await stopping;
    await until(async () => {
      const info = await bus.jsm.consumers.info(bus.subjects.stream("TRACKING"), "test");
      return info.num_ack_pending + info.num_pending === 0;
    }, "the acknowledgement");
  });

  it("goes on after its consumer was deleted under it", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const handled: string[] = [];
    await using _worker = await Worker.start({
      bus,
      log: silent,
      stream: "TRACKING",
      name: "test",
      filterSubject: bus.subjects.all.track,
      batchMax: 10,
      parse: (message) => message.string(),
      handle: async (batch) => void handled.push(...batch),
    });
    await bus.jsm.consumers.delete(bus.subjects.stream("TRACKING"), "test");
    await new BatchPublisher(bus).publish({ subject: bus.subjects.track("w", "x"), data: bytes("after") });
    await until(() => handled.includes("after"), "the message after");
  });
});

describe("presence", () => {
  it("tells who is online, also to those who come later, and forgets a gateway that says goodbye", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const early = await PresenceView.start(bus, silent);
    const announcer = new PresenceAnnouncer(bus, "g1");
    announcer.add("w", "ada");
    announcer.add("w", "ada");
    announcer.add("w", "bob");
    await until(() => early.isOnline("w", "ada") && early.isOnline("w", "bob"), "both online");
    const late = await PresenceView.start(bus, silent);
    await until(() => late.isOnline("w", "ada") && late.isOnline("w", "bob"), "both online for the late one");
    announcer.remove("w", "ada");
    announcer.remove("w", "bob");
    await until(() => !late.isOnline("w", "bob"), "bob gone");
    expect([early.isOnline("w", "ada"), late.isOnline("w", "ada"), late.isOnline("other", "ada")]).toEqual([
      true,
      true,
      false,
    ]);
    announcer.stop();
    await until(() => !early.isOnline("w", "ada"), "everybody gone");
    early.stop();
    late.stop();
  });
});

describe("trimming", () => {
  it("removes what all consumers have acknowledged and nothing else", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const consumers = { stream: "INTERVENTIONS", names: ["a", "b"] } as const;
    const subject = (priority: "high" | "normal") => bus.subjects.intervention("w", priority);
    const count = async () => (await bus.jsm.streams.info(bus.subjects.stream("INTERVENTIONS"))).state.messages;
    let isHeld = true;
    const common = { bus, log: silent, stream: "INTERVENTIONS", batchMax: 10, parse: () => undefined } as const;
    const release = Promise.withResolvers<void>();
    await new BatchPublisher(bus).publishAll(
      Array.from({ length: 20 }, (_, i) => ({
        subject: subject(i === 10 ? "high" : "normal"),
        data: bytes(String(i)),
      })),
    );
    expect(await findOldestWaitingMs(bus, consumers)).toBeLessThan(Number.POSITIVE_INFINITY);
    await trimAcknowledged(bus, consumers);
    expect(await count()).toBe(20);
    await using _a = await Worker.start({
      ...common,
      name: "a",
      filterSubject: bus.subjects.interventionsOf("normal"),
      handle: async () => undefined,
    });
    await using _b = await Worker.start({
      ...common,
      name: "b",
      filterSubject: bus.subjects.interventionsOf("high"),
      handle: () => (isHeld ? release.promise : Promise.resolve()),
    });
    await until(
      async () => (await findConsumer(bus, "INTERVENTIONS", "a"))?.ack_floor.consumer_seq === 19,
      "all but one",
    );
    await trimAcknowledged(bus, consumers);
    expect(await bus.jsm.streams.getMessage(bus.subjects.stream("INTERVENTIONS"), { seq: 11 })).not.toBeNull();
    isHeld = false;
    release.resolve();
    await until(async () => {
      await trimAcknowledged(bus, consumers);
      return (await count()) === 0;
    }, "everything trimmed");
    expect(await findOldestWaitingMs(bus, consumers)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the stream of predictions", () => {
  it("is left as it is when the platform has made it", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const name = bus.subjects.stream("PREDICTIONS");
    await bus.jsm.streams.delete(name);
    await bus.jsm.streams.add({ name, subjects: [bus.subjects.all.predictions], max_msgs: 77 });
    await ensurePlatformStream(bus, "PREDICTIONS", { replicas: 1 });
    expect((await bus.jsm.streams.info(name)).config.max_msgs).toBe(77);
  });
});

describe("the oldest message that waits", () => {
  it("is found for a consumer that has not acknowledged anything yet, behind what others have done with", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const names = ["a", "b"];
    const stream = "INTERVENTIONS" as const;
    const publish = (priority: "normal" | "high", data: string) =>
      new BatchPublisher(bus).publish({ subject: bus.subjects.intervention("w", priority), data: bytes(data) });
    const common = { bus, log: silent, stream, batchMax: 10, parse: () => undefined };
    await using _a = await Worker.start({
      ...common,
      name: "a",
      filterSubject: bus.subjects.interventionsOf("normal"),
      handle: async () => undefined,
    });
    const release = Promise.withResolvers<void>();
    await using _b = await Worker.start({
      ...common,
      name: "b",
      filterSubject: bus.subjects.interventionsOf("high"),
      handle: () => release.promise,
    });
    await publish("normal", "done with");
    await until(async () => (await findConsumer(bus, stream, "a"))?.ack_floor.consumer_seq === 1, "the first is done");
    expect(await findOldestWaitingMs(bus, { stream, names })).toBe(Number.POSITIVE_INFINITY);
    await publish("high", "waits");
    await until(async () => (await findConsumer(bus, stream, "b"))?.num_ack_pending === 1, "the second is handed out");
    const { time } = (await bus.jsm.streams.getMessage(bus.subjects.stream(stream), { seq: 2 })) ?? {};
    expect(await findOldestWaitingMs(bus, { stream, names })).toBe(time?.getTime());
    release.resolve();
  });
});

describe("a worker of another version", () => {
  it("takes over the consumer that an earlier one made with other settings", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const stream = bus.subjects.stream("TRACKING");
    const ackWaitNs = 60_000_000_000;
    await bus.jsm.consumers.add(stream, {
      durable_name: "test",
      ack_policy: "explicit",
      ack_wait: ackWaitNs,
      filter_subject: bus.subjects.all.track,
    });
    const handle = async () => undefined;
    await using _worker = await Worker.start({
      bus,
      log: silent,
      stream: "TRACKING",
      name: "test",
      filterSubject: bus.subjects.all.track,
      batchMax: 10,
      parse: () => undefined,
      handle,
    });
    expect((await bus.jsm.consumers.info(stream, "test")).config.ack_wait).toBeLessThan(ackWaitNs);
  });

  it("keeps a message that takes longer than others wait for it", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const done = Promise.withResolvers<void>();
    let deliveries = 0;
    const parse = () => {
      deliveries += 1;
    };
    await using _worker = await Worker.start({
      bus,
      log: silent,
      stream: "TRACKING",
      name: "test",
      filterSubject: bus.subjects.all.track,
      batchMax: 10,
      parse,
      handle: () => done.promise,
    });
    await new BatchPublisher(bus).publish({ subject: bus.subjects.track("w", "x"), data: bytes("long") });
    await until(() => deliveries === 1, "delivery");
    const startedAt = performance.now();
    // Longer than the broker waits without a word.
    await until(() => performance.now() - startedAt > 7_000, "a long time");
    done.resolve();
    await until(async () => (await findConsumer(bus, "TRACKING", "test"))?.num_ack_pending === 0, "acknowledged");
    expect(deliveries).toBe(1);
  });

  it("gives up a batch that is never done with, and others get its messages", async () => {
    await using parts = await startParts();
    const { bus } = parts;
    const options = {
      bus,
      log: silent,
      stream: "TRACKING" as const,
      name: "test",
      filterSubject: bus.subjects.all.track,
      batchMax: 10,
      parse: () => undefined,
    };
    const hangs: Error[] = [];
    let taken = 0;
    const hung = await Worker.start({
      ...options,
      handle: () => {
        taken += 1;
        return new Promise<void>(() => undefined);
      },
      handleMaxMs: 100,
      onHang: (error) => hangs.push(error),
    });
    await new BatchPublisher(bus).publish({ subject: bus.subjects.track("w", "x"), data: bytes("stuck") });
    await until(() => hangs.length > 0, "hang noticed");
    expect(hangs.map(({ message }) => message)).toEqual(["test has handled one batch for more than 0.1 s"]);
    expect(taken).toBe(1);
    let others = 0;
    await using _other = await Worker.start({
      ...options,
      handle: async () => {
        others += 1;
      },
    });
    await until(async () => (await findConsumer(bus, "TRACKING", "test"))?.num_ack_pending === 0, "taken over");
    expect(others).toBe(1);
    void hung;
  });
});
