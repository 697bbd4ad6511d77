import { Binary } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decideByHand } from "./testing/decide-by-hand.ts";
import { startFixture, UNKNOWN_ID } from "./testing/intervention-fixture.ts";

describe("what became of an intervention", () => {
  let fixture: Awaited<ReturnType<typeof startFixture>>;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  describe("Get", () => {
    it("tells the whole intervention by its name or its id", async () => {
      const id = await fixture.accept({
        idempotencyKey: "get",
        policy: { quietHours: { start: "22:00", end: "07:00" } },
      });
      const byId = await fixture.call("Get", { name: id });
      expect(byId.body.intervention).toMatchObject({
        name: `workspaces/main/interventions/${id}`,
        interventionId: id,
        idempotencyKey: "get",
        recipient: { userId: "u" },
        content: { title: "Hello" },
        campaign: "spring",
        priority: "PRIORITY_NORMAL",
        policy: {
          channels: ["CHANNEL_REALTIME", "CHANNEL_INBOX"],
          quietHours: { start: "22:00", end: "07:00", handling: "HANDLING_DELAY" },
        },
        state: "STATE_ACCEPTED",
        channel: "CHANNEL_UNSPECIFIED",
      });
      expect((await fixture.call("Get", { name: `workspaces/main/interventions/${id}` })).body).toEqual(byId.body);
    });

    it("does not know what is not there, and says the same of another workspace's", async () => {
      const id = await fixture.accept();
      const missing = await fixture.call("Get", { name: UNKNOWN_ID });
      expect(missing).toMatchObject({
        code: 5,
        details: [{ reason: "NOT_FOUND" }, { type: "google.rpc.ResourceInfo", resourceType: "intervention" }],
      });
      expect(await fixture.callAsStranger("Get", { name: id })).toMatchObject({ code: 5 });
      expect(await fixture.call("Get", { name: `workspaces/other/interventions/${id}` })).toMatchObject({ code: 5 });
      expect(await fixture.call("Get", { name: "" })).toMatchObject({
        code: 3,
        details: [{}, { fieldViolations: [{ field: "name" }] }],
      });
    });
  });

  describe("List", () => {
    it("pages through one user's interventions, newest first, each once", async () => {
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) ids.push(await fixture.accept({ recipient: { userId: "lister" } }));
      const seen: string[] = [];
      let pageToken = "";
      do {
        const { body } = await fixture.call("List", { userId: "lister", pageSize: 2, pageToken });
        seen.push(...(body.interventions as { interventionId: string }[]).map(({ interventionId }) => interventionId));
        pageToken = String(body.nextPageToken);
      } while (pageToken !== "");
      expect(seen).toHaveLength(ids.length);
      expect(new Set(seen)).toEqual(new Set(ids));
      const times = await Promise.all(
        seen.map(async (id) => (await fixture.store.interventions.findOne({ _id: id }))?.acceptedAt.getTime() ?? 0),
      );
      expect(times).toEqual([...times].sort((a, b) => b - a));
    });

    it("refuses a token of another list, and a page out of bounds", async () => {
      const { body } = await fixture.call("List", { userId: "lister", pageSize: 1 });
      expect(await fixture.call("List", { userId: "other", pageSize: 1, pageToken: body.nextPageToken })).toMatchObject(
        {
          code: 3,
          details: [{}, { fieldViolations: [{ field: "page_token" }] }],
        },
      );
      expect(await fixture.call("List", { pageSize: 1_001 })).toMatchObject({
        code: 3,
        details: [{}, { fieldViolations: [{ field: "page_size", description: "1001 is not in 1-1000" }] }],
      });
    });

    it("shows a workspace nothing of another", async () => {
      expect((await fixture.callAsStranger("List", {})).body).toMatchObject({ interventions: [], nextPageToken: "" });
    });
  });

  describe("Explain", () => {
    it("shows every round with its verdicts, and that deciding again gives the same bytes", async () => {
      const id = await fixture.accept({ policy: { quietHours: { start: "22:00", end: "07:00" } } });
      await decideByHand(fixture.store, id, { at: new Date("2026-03-01T23:00:00Z") });
      await decideByHand(fixture.store, id, { round: 1, at: new Date("2026-03-02T07:00:00Z"), hasLiveSocket: true });
      await fixture.storeEvent(id, "sent", new Date());
      const { body } = await fixture.call("Explain", { name: id });
      expect(body).toMatchObject({
        intervention: { state: "STATE_SENT", channel: "CHANNEL_REALTIME" },
        decisions: [
          {
            replayMatches: true,
            decision: {
              outcome: "OUTCOME_DELAY",
              verdicts: expect.arrayContaining([
                expect.objectContaining({ rule: "RULE_QUIET_HOURS", answer: "ANSWER_DELAY" }),
              ]),
            },
          },
          {
            replayMatches: true,
            decision: { round: 1, outcome: "OUTCOME_SEND", channel: "CHANNEL_REALTIME" },
            input: { hasLiveSocket: true },
          },
        ],
        events: [{ eventId: `${id}:sent`, kind: "EVENT_KIND_SENT", channel: "CHANNEL_REALTIME" }],
      });
    });

    it("says so when the recorded bytes are not what deciding gives", async () => {
      const id = await fixture.accept();
      await decideByHand(fixture.store, id);
      const other = await fixture.accept();
      await decideByHand(fixture.store, other, { hasLiveSocket: true });
      const document = await fixture.store.decisions.findOne({ _id: `${other}/0` });
      await fixture.store.decisions.updateOne(
        { _id: `${id}/0` },
        { $set: { decision: document?.decision ?? new Binary() } },
      );
      expect((await fixture.call("Explain", { name: id })).body).toMatchObject({
        decisions: [{ replayMatches: false }],
      });
    });
  });
});
