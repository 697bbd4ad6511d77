import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel, Priority } from "../../gen/intervention/v1/intervention_pb.js";
import { SegmentSchema } from "../../gen/intervention/v1/segment_pb.js";
import { EventPublisher, packItems } from "../bus/index.ts";
import { insertSegment, profileId, saveShoppers, toPlace, toPosition } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

const at = new Date();
const shopper = (userId: string, segments: readonly string[]) => ({
  ...{ _id: profileId("main", userId), workspaceId: "main", userId, place: toPlace(userId), revision: 1, keys: [] },
  ...{ facts: [], activity: [], foresight: [], lists: [] },
  memberships: segments.map((segmentId) => ({ segmentId, isIn: segmentId !== "left", changes: 1 })),
});

it("counts what becomes of an intervention for the segments that its user was in when it was decided", async () => {
  await using parts = await startParts();
  const { store, bus, container, services } = parts;
  const names = Array.from({ length: 12 }, (_, i) => `s${String(i).padStart(2, "0")}`);
  for (const segmentId of [...names, "left"]) {
    const segment = create(SegmentSchema, { segmentId });
    await insertSegment(store, {
      workspaceId: "main",
      segmentId,
      position: toPosition(at, segmentId),
      updatedAt: at,
      segment,
    });
  }
  // "gone" is archived or of another version: nobody is counted in it.
  await saveShoppers(store, [shopper("ada", [...names, "left", "gone"]), shopper("bob", [])]);
  for (const role of [services.decide, services.track]) await container.get(role);
  for (const userId of ["ada", "bob"])
    await bus.js.publish(
      bus.subjects.intervention("main", "normal"),
      packItems([
        toBinary(
          InterventionMessageSchema,
          create(InterventionMessageSchema, {
            ...{ workspace: "main", interventionId: userId, idempotencyKey: userId, recipient: { userId } },
            ...{ content: { title: "Hello" }, priority: Priority.NORMAL, policy: { channels: [Channel.INBOX] } },
            acceptTime: timestampFromDate(at),
          }),
        ),
      ]),
    );
  await until(() => store.events.findOne({ _id: "bob:inboxed" }), "bob's events");
  await until(() => store.events.findOne({ _id: "ada:inboxed" }), "ada's events");
  const kind = EventKind.DISPLAYED;
  await new EventPublisher(bus).publish([
    create(EventSchema, {
      ...{ eventId: "ada:displayed", kind, workspace: "main", interventionId: "ada", userId: "ada" },
      occurTime: timestampFromDate(new Date()),
    }),
  ]);
  await until(() => store.events.findOne({ _id: "ada:displayed" }), "ada's look");
  const events = await store.events.find().toArray();
  const ofAda = events.filter(({ userId }) => userId === "ada");
  expect(ofAda.map(({ _id }) => _id).sort()).toEqual(
    ["accepted", "decided", "displayed", "inboxed"].map((one) => `ada:${one}`),
  );
  // The first ten, so that what an event costs is bounded.
  for (const event of ofAda) expect(event.segments, event._id).toEqual(names.slice(0, 10));
  for (const event of events) if (event.userId === "bob") expect(event).not.toHaveProperty("segments");
});
