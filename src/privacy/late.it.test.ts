import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import pino from "pino";
import { describe, expect, it } from "vitest";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel, Priority } from "../../gen/intervention/v1/intervention_pb.js";
import { EventPublisher, findConsumer, packItems } from "../bus/index.ts";
import { findErasure, requestErasure, toPosition } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";
import { toErasureId } from "./certificate.ts";
import { tendPrivacy } from "./tend-privacy.ts";

type Parts = Awaited<ReturnType<typeof startParts>>;
const silent = pino({ level: "silent" });

const messageOf = (interventionId: string, userId: string) =>
  create(InterventionMessageSchema, {
    ...{
      workspace: "main",
      interventionId,
      idempotencyKey: interventionId,
      recipient: { userId },
      content: { title: "Hello" },
    },
    ...{ priority: Priority.NORMAL, policy: { channels: [Channel.INBOX] }, acceptTime: timestampFromDate(new Date()) },
  });

const putOnStream = ({ bus }: Parts, id: string, userId: string) =>
  bus.js.publish(
    bus.subjects.intervention("main", "normal"),
    packItems([toBinary(InterventionMessageSchema, messageOf(id, userId))]),
  );

async function accept(parts: Parts, id: string, userId: string): Promise<void> {
  const acceptedAt = new Date();
  await parts.store.interventions.insertOne({
    ...{
      _id: id,
      workspaceId: "main",
      userId,
      acceptedAt,
      position: toPosition(acceptedAt, id),
      bodyHash: new Binary(),
    },
    message: new Binary(toBinary(InterventionMessageSchema, messageOf(id, userId))),
  });
  await putOnStream(parts, id, userId);
}

/** Returns when the roles have handled all there is. */
const idle = ({ bus }: Parts) =>
  until(async () => {
    const infos = [
      await findConsumer(bus, "TRACKING", "track"),
      await findConsumer(bus, "INTERVENTIONS", "decide-normal"),
    ];
    return infos.every((info) => info !== undefined && info.num_pending + info.num_ack_pending === 0);
  }, "the roles to be idle");

describe("after an erasure", () => {
  it("the running roles bring back nothing that comes late, and serve everybody else, and him when he returns", async () => {
    await using parts = await startParts();
    const { bus, store, container, services } = parts;
    for (const role of [services.track, services.decide]) await container.get(role);
    const access = await container.get(services.access);
    const recorded = (id: string) => until(() => store.events.findOne({ _id: `${id}:inboxed` }), `the events of ${id}`);
    for (const [id, userId] of [
      ["a", "ada"],
      ["b", "bob"],
    ] as const)
      await accept(parts, id, userId);
    for (const id of ["a", "b"]) await recorded(id);

    const [workspace] = access.workspaces();
    if (workspace === undefined) throw new Error("there is no workspace");
    const erasureId = toErasureId(workspace, "ada");
    await requestErasure(store, { id: erasureId, workspaceId: "main", userId: "ada", now: new Date() });
    bus.nc.publish(bus.subjects.erased("main"), "ada");
    const tend = tendPrivacy({ bus, store, access, log: silent, trim: async () => undefined, settleMs: 500 }, "test");
    await until(async () => {
      await tend();
      return (await findErasure(store, "main", erasureId))?.state === "done";
    }, "the erasure");

    // A device that was offline, and a message that the broker hands out again.
    const late = {
      workspace: "main",
      userId: "ada",
      kind: EventKind.DISPLAYED,
      occurTime: timestampFromDate(new Date()),
    };
    const events = [
      create(EventSchema, { ...late, eventId: "a:displayed", interventionId: "a" }),
      create(EventSchema, { ...late, eventId: "b:displayed", interventionId: "b", userId: "bob" }),
    ];
    await new EventPublisher(bus).publish(events);
    await putOnStream(parts, "a", "ada");
    await until(() => store.events.findOne({ _id: "b:displayed" }), "the other user's event");
    await idle(parts);
    for (const name of ["interventions", "decisions", "events", "inbox"])
      expect(await store.db.collection(name).countDocuments({ userId: "ada" }), name).toBe(0);
    expect(await store.inbox.countDocuments({ userId: "bob" })).toBe(1);

    await accept(parts, "a2", "ada");
    await recorded("a2");
    expect(await store.inbox.countDocuments({ userId: "ada" })).toBe(1);
  });
});
