import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { headers as createHeaders } from "@nats-io/transport-node";
import { Binary } from "mongodb";
import {
  DeliveryMessageSchema,
  InterventionMessageSchema,
  RealtimeMessageSchema,
} from "../../../gen/intervention/v1/bus_pb.js";
import { TriggerSourceSchema } from "../../../gen/intervention/v1/campaign_pb.js";
import { DecisionInputSchema, DecisionSchema } from "../../../gen/intervention/v1/decision_pb.js";
import { EventKind, EventSchema } from "../../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { InterventionFrameSchema } from "../../../gen/intervention/v1/realtime_pb.js";
import { PredictionSchema, ShopEventKind, ShopEventSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import {
  type Bus,
  bury,
  EventPublisher,
  PackedPublisher,
  packItems,
  putOff,
  scheduleDecision,
  toDispatchItem,
  toKindName,
  toSubjectToken,
} from "../../bus/index.ts";
import { toCloudEvent } from "../../domain/outward/to-cloud-event.ts";
import {
  consentId,
  creditAll,
  enterContest,
  insertCartWatches,
  insertDigestItems,
  insertEvents,
  insertExposures,
  insertShopEvents,
  insertTravellers,
  noteShopperChanges,
  openDigestWindow,
  predictionDocumentId,
  profileId,
  type Store,
  saveShoppers,
  subscribe,
  toEventDocument,
  toExposure,
  toPlace,
  toPosition,
  toStored,
} from "../../store/index.ts";

export type Parts = { readonly bus: Bus; readonly store: Store };
type User = {
  readonly workspaceId: string;
  readonly userId: string;
  readonly marker: string;
  readonly acceptedAt?: Date;
};

const ROUNDS = 10;
const INTERVENTIONS = 3;

const messageOf = ({ workspaceId, userId, marker }: User, interventionId: string) =>
  create(InterventionMessageSchema, {
    workspace: workspaceId,
    ...{
      interventionId,
      idempotencyKey: `${marker}-key`,
      recipient: { userId },
      content: { title: marker },
      policy: {},
    },
  });
const eventOf = (
  { workspaceId, userId, marker, acceptedAt = new Date() }: User,
  interventionId: string,
  kind: EventKind,
  id = "",
) =>
  create(EventSchema, {
    eventId: `${interventionId}:${toKindName(kind)}${id}`,
    ...{ kind, interventionId, userId, workspace: workspaceId, campaign: marker },
    occurTime: timestampFromDate(acceptedAt),
  });
const idsOf = ({ marker }: User) => Array.from({ length: INTERVENTIONS }, (_, i) => `iv-${marker}-${i}`);

/** Puts something of a user into every collection that knows users. */
export async function fillCollections(parts: Parts, user: User): Promise<void> {
  const { store } = parts;
  const { workspaceId, userId, marker, acceptedAt = new Date() } = user;
  const ids = idsOf(user);
  const bytes = (data: Uint8Array) => new Binary(data);
  await store.interventions.insertMany(
    ids.map((_id) => ({
      ...{ _id, workspaceId, userId, acceptedAt, bodyHash: new Binary(), position: toPosition(acceptedAt, _id) },
      message: bytes(toBinary(InterventionMessageSchema, messageOf(user, _id))),
    })),
  );
  const decision = bytes(toBinary(DecisionSchema, create(DecisionSchema, { workspace: workspaceId })));
  await store.decisions.insertMany(
    ids.flatMap((interventionId) =>
      Array.from({ length: ROUNDS }, (_, round) => ({
        ...{
          _id: `${interventionId}/${round}`,
          workspaceId,
          interventionId,
          userId,
          campaign: marker,
          round,
          decision,
        },
        ...{ outcome: "delay" as const, decidedAt: acceptedAt },
        input: bytes(toBinary(DecisionInputSchema, create(DecisionInputSchema, { recipient: { userId } }))),
      })),
    ),
  );
  const events = ids.flatMap((id) => [
    eventOf(user, id, EventKind.DISPLAYED),
    eventOf(user, id, EventKind.CLICKED, ":1"),
    eventOf(user, id, EventKind.CLICKED, ":2"),
  ]);
  await insertEvents(
    store,
    events.map((event) => toEventDocument(event, new Date())),
  );
  const attempted = ids.map((id) => ({ _id: `${id}:email:1`, workspaceId, userId }));
  await store.attempts.insertMany(
    attempted.map((one, i) => ({
      ...one,
      ...{ interventionId: ids[i] ?? "", channel: "email", attempt: 1, accountId: "pa", provider: "fake", worker: "w" },
      ...{ startedAt: acceptedAt, leaseUntil: acceptedAt },
    })),
  );
  await store.attemptResults.insertMany(
    attempted.map((one) => ({
      ...one,
      ...{ outcome: "sent", reason: marker, providerMessageId: "m", endedAt: acceptedAt },
    })),
  );
  await store.outbox.insertMany(
    attempted.map(({ _id }) => ({
      ...{ _id, workspaceId, position: toPosition(acceptedAt, _id), at: acceptedAt, channel: "email" },
      ...{ to: `${marker}@example.com`, content: JSON.stringify({ subject: marker }) },
    })),
  );
  const order = create(EventSchema, {
    ...{ eventId: `order:${workspaceId}:${marker}`, kind: EventKind.CONVERTED, workspace: workspaceId, userId },
    ...{ orderId: marker, valueMinor: 1n, currency: "EUR", occurTime: timestampFromDate(new Date()) },
  });
  const ordered = toStored(toEventDocument(order, new Date()));
  await insertEvents(store, [ordered]);
  await creditAll(store, [ordered]);
  await noteShopperChanges(store, [{ workspaceId, userId }]);
  const known = { facts: [{ path: "profile.attributes.nick", text: marker }], activity: [], foresight: [], lists: [] };
  await saveShoppers(store, [
    {
      ...{ _id: profileId(workspaceId, userId), workspaceId, userId, place: toPlace(userId), revision: 1 },
      ...{ ...known, keys: [], memberships: [] },
    },
  ]);
  await store.inbox.insertMany(
    ids.map((_id) => ({
      ...{
        _id,
        workspaceId,
        userId,
        state: "unread" as const,
        createdAt: acceptedAt,
        position: toPosition(acceptedAt, _id),
      },
      frame: bytes(toBinary(InterventionFrameSchema, create(InterventionFrameSchema, { content: { title: marker } }))),
    })),
  );
  await store.webhookDeliveries.insertOne({
    ...{
      _id: `we:0:${ids[0]}`,
      workspaceId,
      userId,
      endpointId: "we",
      position: toPosition(acceptedAt, userId),
      at: acceptedAt,
    },
    ...{
      eventId: `${ids[0]}:displayed`,
      attempt: 1,
      status: 200,
      latencyMs: 1,
      error: "",
      isDelivered: true,
      isGivenUp: false,
    },
  });
  await fillKnowledge(parts, user);
}

const shopEventOf = (userId: string, marker: string) =>
  create(ShopEventSchema, { eventId: marker, kind: ShopEventKind.PAGE_VIEWED, userId, page: marker });

/** What others tell of a user, and what he has said himself. */
async function fillKnowledge({ store }: Parts, { workspaceId, userId, marker, acceptedAt = new Date() }: User) {
  const _id = profileId(workspaceId, userId);
  await store.profiles.insertOne({
    ...{ _id, workspaceId, userId, revision: 1, registers: marker, timeZone: "", locale: "", denied: [] },
    ...{ searchKeys: [marker], aliases: [], listedAs: userId, updatedAt: acceptedAt },
  });
  const merge = { workspaceId, mergedAt: acceptedAt, taken: [marker], outdated: [] };
  await store.profileMerges.insertMany([
    { ...merge, _id, from: userId, into: `${marker}-survivor` },
    { ...merge, _id: profileId(workspaceId, `${marker}-other`), from: `${marker}-other`, into: userId },
  ]);
  const said = { subject: "inbox/marketing", word: "denied" as const, changedAt: acceptedAt, recordedAt: acceptedAt };
  await store.consents.insertOne({
    ...{ _id: consentId({ workspaceId, userId, requestId: marker }), workspaceId, userId, ...said },
    ...{ source: marker, textVersion: "1", requestId: marker },
  });
  await store.consentRequests.insertOne({
    ...{ _id: consentId({ workspaceId, userId, requestId: marker }), workspaceId, userId, requestId: marker },
    ...{ channel: "email", address: `${marker}@example.com`, source: marker, textVersion: "1", locale: "" },
    ...{ requestedAt: acceptedAt, expiresAt: acceptedAt },
  });
  const prediction = create(PredictionSchema, { predictionId: marker, userId, model: marker });
  const predictionDocument = predictionDocumentId(workspaceId, marker);
  await store.predictions.insertOne({
    ...{ _id: predictionDocument, workspaceId, userId, kind: 1, predictedAt: acceptedAt, receivedAt: acceptedAt },
    prediction: new Binary(toBinary(PredictionSchema, prediction)),
  });
  await store.predictionOutcomes.insertOne({
    ...{ _id: predictionDocument, workspaceId, kind: 1, model: "m", modelVersion: "1", predictedAt: acceptedAt },
    ...{ score: 0.5, outcome: true, fixedAt: acceptedAt },
  });
  const shopEvent = shopEventOf(userId, marker);
  const given = { event: shopEvent, body: toBinary(ShopEventSchema, shopEvent), at: acceptedAt, workspaceId };
  await insertShopEvents(store, [given], acceptedAt);
  await insertCartWatches(store, [{ workspaceId, userId, dueMs: acceptedAt.getTime() }]);
  await store.campaigns.updateOne({ _id: `${workspaceId}/c` }, { $setOnInsert: { workspaceId } }, { upsert: true });
  await store.entries.insertOne({ _id: `${workspaceId}/c/${userId}`, enteredBy: marker, enteredAt: acceptedAt });
  const key = `${workspaceId}/c/${userId}`;
  await insertDigestItems(store, [
    {
      ...{
        _id: `${key}/${marker}`,
        workspaceId,
        userId,
        key,
        itemId: marker,
        state: "pending",
        collectedAt: acceptedAt,
      },
      source: new Binary(toBinary(TriggerSourceSchema, create(TriggerSourceSchema, { prediction }))),
    },
  ]);
  const window = { _id: key, workspaceId, userId, campaignId: "c", windowId: marker, closesAt: acceptedAt };
  await openDigestWindow(store, window);
  const contender = { interventionId: marker, campaignId: "c", until: new Date(acceptedAt.getTime() + 3_600_000) };
  await enterContest(store, { workspaceId, group: "g", userId }, { ...contender, rank: 1 }, acceptedAt);
  await insertTravellers(store, [
    {
      ...{ _id: `${key}/traveller`, workspaceId, campaignId: "c", userId, journeyVersion: 1, stepId: marker, moves: 1 },
      ...{ enteredAt: acceptedAt, dueAt: acceptedAt, path: [{ stepId: marker, at: acceptedAt }] },
      source: new Binary(toBinary(TriggerSourceSchema, create(TriggerSourceSchema, { prediction }))),
    },
  ]);
  await subscribe(store, { workspaceId, userId, topic: marker }, acceptedAt);
  const exposure = { workspaceId, userId, experimentId: "e", variant: "a", at: acceptedAt, stratum: marker };
  await insertExposures(store, [toExposure(exposure)]);
}

/** Puts something of users of one workspace into every stream, in messages that they share where they can. */
export async function fillStreams({ bus }: Parts, users: readonly User[]): Promise<void> {
  const [first] = users;
  if (first === undefined) return;
  const workspace = first.workspaceId;
  const { subjects, js } = bus;
  const interventions = users.flatMap((user) => idsOf(user).map((id) => messageOf(user, id)));
  const packed = packItems(interventions.map((one) => toBinary(InterventionMessageSchema, one)));
  await js.publish(subjects.intervention(workspace, "normal"), packed);
  const deliveries = interventions.map((intervention) =>
    create(DeliveryMessageSchema, { intervention, channel: Channel.EMAIL, address: "ada@example.com", attempt: 1 }),
  );
  await new PackedPublisher(bus).publish(deliveries.map((one) => toDispatchItem(subjects, one)));
  await putOff(
    bus,
    deliveries.map((delivery) => ({ delivery, at: new Date(Date.now() + 3_600_000) })),
  );
  const events = users.flatMap((user) => idsOf(user).map((id) => eventOf(user, id, EventKind.DISPLAYED)));
  await new EventPublisher(bus).publish(events);
  for (const event of events)
    await js.publish(subjects.eventsOut(workspace, "displayed"), JSON.stringify(toCloudEvent(event, new Date())));
  for (const { userId, marker } of users) {
    const value = create(InterventionFrameSchema, { content: { title: marker } });
    const message = create(RealtimeMessageSchema, { message: { case: "intervention", value } });
    await js.publish(subjects.realtime(workspace, toSubjectToken(userId)), toBinary(RealtimeMessageSchema, message));
  }
  for (const { userId, marker } of users) {
    const data = { predictionId: marker, userId, model: marker };
    const event = { specversion: "1.0", id: marker, source: "/ai", type: "ai.prediction", data };
    const headers = createHeaders();
    headers.set("Content-Type", "application/cloudevents+json");
    await js.publish(subjects.predictions(workspace), JSON.stringify(event), { headers });
  }
  const done = users.map(({ userId, marker }) => shopEventOf(userId, marker));
  const shared = packItems(done.map((one) => toBinary(ShopEventSchema, one)));
  await js.publish(subjects.shopEvents(workspace), shared);
  for (const { userId, marker } of users) {
    const data = { user_id: userId, page: marker };
    const event = { specversion: "1.0", id: marker, source: "/shop", type: "shop.page.viewed", data };
    await js.publish(subjects.shopEvents(workspace), JSON.stringify(event));
  }
  const inAnHour = new Date(Date.now() + 3_600_000);
  for (const one of interventions) await scheduleDecision(bus, one, inAnHour);
  const letter = { sequence: 1, headers: undefined, reason: "failed" as const, error: new Error("no"), attempts: 1 };
  await bury(bus, {
    ...letter,
    stream: "INTERVENTIONS",
    subject: subjects.intervention(workspace, "normal"),
    data: packed,
  });
  for (const [index, { userId, marker }] of users.entries())
    await bury(bus, {
      ...letter,
      ...{ stream: "TRACKING", subject: subjects.track(workspace, "x"), reason: "malformed", sequence: 10 + index },
      data: new TextEncoder().encode(`{"user": "${userId}", "note": "${marker}"}`),
    });
}
