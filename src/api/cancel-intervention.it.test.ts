import { create } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { scheduleDecision } from "../bus/index.ts";
import type { DeliveryState } from "../domain/delivery.ts";
import { insertEvents, insertInboxItems, listInbox, toPosition } from "../store/index.ts";
import { decideByHand } from "./testing/decide-by-hand.ts";
import { startFixture } from "./testing/intervention-fixture.ts";

describe("Cancel", () => {
  let fixture: Awaited<ReturnType<typeof startFixture>>;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  it("takes the place of the decision when there is none, and says the same when it is repeated", async () => {
    const id = await fixture.accept();
    const cancelled = await fixture.call("Cancel", { name: id, reason: "sold out" });
    expect(cancelled.body).toMatchObject({ intervention: { state: "STATE_CANCELLED" } });
    expect((await fixture.call("Cancel", { name: id })).body).toEqual(cancelled.body);
    expect((await fixture.call("Explain", { name: id })).body).toMatchObject({
      decisions: [{ input: null, decision: { outcome: "OUTCOME_CANCEL" } }],
    });
  });

  it("ends a delay, and takes its message off the schedule", async () => {
    const id = await fixture.accept({ policy: { quietHours: { start: "22:00", end: "07:00" } } });
    await decideByHand(fixture.store, id, { at: new Date("2026-03-01T23:00:00Z") });
    const message = create(InterventionMessageSchema, { workspace: "main", interventionId: id, round: 1 });
    await scheduleDecision(fixture.bus, message, new Date(Date.now() + 3_600_000));
    const isScheduled = async () =>
      (await fixture.bus.jsm.streams.getMessage(fixture.bus.subjects.stream("DELAYED"), {
        last_by_subj: fixture.bus.subjects.later("main", id),
      })) !== null;
    expect(await isScheduled()).toBe(true);
    expect(await fixture.stateOf(id)).toMatchObject({ state: "STATE_DELAYED" });
    expect((await fixture.call("Cancel", { name: id })).body).toMatchObject({
      intervention: { state: "STATE_CANCELLED" },
    });
    expect(await fixture.store.decisions.findOne({ _id: `${id}/1` })).toMatchObject({ outcome: "cancel", round: 1 });
    expect(await isScheduled()).toBe(false);
  });

  it.each<{ from: DeliveryState; state: string; revoked: boolean }>([
    { from: "sent", state: "STATE_CANCELLED", revoked: true },
    { from: "inboxed", state: "STATE_CANCELLED", revoked: true },
    { from: "cancelled", state: "STATE_CANCELLED", revoked: true },
    { from: "delivered", state: "STATE_DELIVERED", revoked: true },
    { from: "displayed", state: "STATE_DISPLAYED", revoked: true },
    { from: "clicked", state: "STATE_CLICKED", revoked: false },
    { from: "dismissed", state: "STATE_DISMISSED", revoked: false },
    { from: "expired", state: "STATE_EXPIRED", revoked: false },
  ])("leads from $from to $state; taken off the screen: $revoked", async ({ from, state, revoked }) => {
    const userId = `cancel-${from}`;
    const id = await fixture.accept({ recipient: { userId } });
    await decideByHand(fixture.store, id, { hasLiveSocket: from !== "inboxed" });
    const at = new Date();
    const happened = { interventionId: id, workspaceId: "main", userId, campaign: "", channel: "realtime" };
    await insertEvents(fixture.store, [
      { _id: `${id}:${from}`, kind: from, ...happened, occurredAt: at, receivedAt: at },
    ]);
    expect((await fixture.call("Cancel", { name: id })).body).toMatchObject({ intervention: { state } });
    const revoke = await fixture.bus.jsm.streams.getMessage(fixture.bus.subjects.stream("REALTIME"), {
      last_by_subj: fixture.bus.subjects.realtime("main", userId),
    });
    expect(revoke?.header.get("Nats-Msg-Id")).toBe(revoked ? `${id}:revoke` : undefined);
  });

  it("takes the item out of the inbox, also when it was only about to be put in", async () => {
    const id = await fixture.accept({ recipient: { userId: "inbox-cancel" } });
    await decideByHand(fixture.store, id);
    await fixture.call("Cancel", { name: id });
    await insertInboxItems(fixture.store, [
      {
        _id: id,
        workspaceId: "main",
        userId: "inbox-cancel",
        state: "unread",
        position: toPosition(new Date(), id),
        createdAt: new Date(),
        frame: new Binary(),
      },
    ]);
    expect(
      await listInbox(fixture.store, {
        workspaceId: "main",
        userId: "inbox-cancel",
        now: new Date(),
        limit: 10,
        includeArchived: true,
      }),
    ).toEqual([]);
  });

  it("comes to one end however it races with the decision", async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => fixture.accept()));
    const answers = await Promise.all(
      ids.map(
        async (id) => (await Promise.all([fixture.call("Cancel", { name: id }), decideByHand(fixture.store, id)]))[0],
      ),
    );
    expect(answers.map(({ body }) => body.intervention)).toEqual(
      ids.map(() => expect.objectContaining({ state: "STATE_CANCELLED" })),
    );
  });

  it("refuses a reason of more than 200 characters and changes nothing", async () => {
    const id = await fixture.accept();
    expect(await fixture.call("Cancel", { name: id, reason: "r".repeat(201) })).toMatchObject({
      code: 3,
      details: [{}, { fieldViolations: [{ field: "reason" }] }],
    });
    expect(await fixture.stateOf(id)).toMatchObject({ state: "STATE_ACCEPTED" });
    expect(await fixture.callAsStranger("Cancel", { name: id })).toMatchObject({ code: 5 });
  });
});
