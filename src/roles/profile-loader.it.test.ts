import { randomUUID } from "node:crypto";
import type { JsonValue } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Rule } from "../../gen/intervention/v1/decision_pb.js";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { ConsentStatus, ContactChannel, ProfileSource, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { parseTrigger } from "../api/parse-trigger.ts";
import { ProfileKeeper } from "../api/profile-keeper.ts";
import { PresenceAnnouncer } from "../bus/index.ts";
import { QUIET_HOURS_KEY, TIME_ZONE_KEY, toConsentKey, toConsentWord } from "../domain/profile/register-keys.ts";
import { toDecision, toDecisionInput } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

/** A deciding process, with ways to ask it and to say something of users. */
async function startDeciding() {
  const parts = await startParts({ UNDELIVERED_AFTER_MS: "500" });
  const { store } = parts;
  const { acceptor, access } = await parts.container.get(parts.services.apiParts);
  await parts.container.get(parts.services.decide);
  const keeper = new ProfileKeeper({ store, now: () => new Date(), indexedAttributes: [] });
  const workspace = access.workspaces()[0];
  if (workspace === undefined) throw new Error("there is a workspace");
  let clock = 0;
  const say = async (userId: string, key: string, value: JsonValue) => {
    clock += 1;
    await keeper.apply(workspace.id, [{ userId, changes: new Map([[key, { value, at: clock, id: "" }]]) }]);
  };
  return {
    parts,
    merge: (from: string, into: string) => keeper.merge(workspace.id, { from, into }),
    setTimeZone: (userId: string, timeZone: string) => say(userId, TIME_ZONE_KEY, timeZone),
    setQuietHours: (userId: string, hours: string) => say(userId, QUIET_HOURS_KEY, hours),
    setConsent: (userId: string, channel: ContactChannel, status: ConsentStatus) =>
      say(userId, toConsentKey({ channel, purpose: Purpose.MARKETING }, toConsentWord(status, false)), true),
    async decide(userId: string, policy: object = {}) {
      const request = create(TriggerRequestSchema, { recipient: { userId }, content: { title: "Hello" }, policy });
      const trigger = parseTrigger(request, { workspaceId: workspace.id, newKey: randomUUID });
      const [result] = await acceptor.accept(workspace, [trigger], "");
      if (result?.kind !== "accepted") throw new Error("it was accepted");
      const document = await until(() => store.decisions.findOne({ _id: `${result.interventionId}/0` }), "decision");
      return { document, decision: toDecision(document), profile: toDecisionInput(document)?.profile };
    },
    [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose](),
  };
}

describe("a decision", () => {
  it("knows what was said of its user just before", async () => {
    await using engine = await startDeciding();
    const { INBOX, REALTIME } = ContactChannel;
    const unknown = await engine.decide("ada");
    expect(unknown.document.outcome).toBe("send");
    expect(unknown.profile?.source).toBe(ProfileSource.NONE);
    await engine.setTimeZone("ada", "Asia/Tokyo");
    await engine.setConsent("ada", INBOX, ConsentStatus.DENIED);
    await engine.setConsent("ada", REALTIME, ConsentStatus.DENIED);
    const refused = await engine.decide("ada");
    expect(refused.document.outcome).toBe("suppress");
    expect(refused.decision.verdicts.at(-1)?.rule).toBe(Rule.CONSENT);
    expect(refused.profile).toMatchObject({ source: ProfileSource.OWN, timeZone: "Asia/Tokyo" });
    expect((await engine.decide("ada", { purpose: Purpose.SERVICE })).document.outcome).toBe("send");
    await engine.setConsent("ada", INBOX, ConsentStatus.GRANTED);
    expect((await engine.decide("ada")).document).toMatchObject({ outcome: "send", channel: "inbox" });
  });

  it("waits for the end of its user's own quiet hours, unless it is of service", async () => {
    await using engine = await startDeciding();
    const clock = (hoursOn: number) => new Date(Date.now() + hoursOn * 3_600_000).toISOString().slice(11, 16);
    const quietHours = { start: clock(-1), end: clock(2) };
    await engine.setTimeZone("ada", "UTC");
    await engine.setQuietHours("ada", `${quietHours.start}-${quietHours.end}`);
    const waiting = await engine.decide("ada");
    expect(waiting.profile).toMatchObject({ quietHours });
    expect(waiting.document.outcome).toBe("delay");
    expect(waiting.decision.verdicts.at(-1)?.reason).toContain("in the user's own quiet hours");
    expect((await engine.decide("ada", { purpose: Purpose.SERVICE })).document.outcome).toBe("send");
  });

  it("counts for a cap what was sent to any id of its user, and is delivered to the id it was asked for", async () => {
    await using engine = await startDeciding();
    const capped = { frequencyCap: { max: 3, window: { seconds: 3_600n } } };
    await engine.setTimeZone("anon", "Asia/Tokyo");
    await engine.decide("anon", capped);
    await engine.decide("fay", capped);
    await engine.merge("anon", "fay");
    const third = await engine.decide("anon", capped);
    expect(third.document).toMatchObject({ outcome: "send", userId: "anon" });
    expect(third.profile).toMatchObject({ survivingUserId: "fay", timeZone: "Asia/Tokyo" });
    expect((await engine.decide("fay", capped)).document.outcome).toBe("suppress");
    expect((await engine.decide("anon", capped)).document.outcome).toBe("suppress");
  });

  it("that no device acknowledged does not end in an inbox that its user has said no to", async () => {
    await using engine = await startDeciding();
    const { parts } = engine;
    const presence = new PresenceAnnouncer(parts.bus, "g1");
    presence.add("main", "ada");
    presence.add("main", "bob");
    await parts.container.get(parts.services.track);
    await parts.container.get(parts.services.schedule);
    await engine.setConsent("ada", ContactChannel.INBOX, ConsentStatus.DENIED);
    const refused = await engine.decide("ada");
    const wanted = await engine.decide("bob");
    expect(refused.document).toMatchObject({ outcome: "send", channel: "realtime" });
    const eventOf = (id: string, kind: string) => parts.store.events.findOne({ _id: `${id}:${kind}` });
    await until(() => eventOf(wanted.document.interventionId, "inboxed"), "the one that is wanted in the inbox");
    const ended = await until(() => eventOf(refused.document.interventionId, "expired"), "the other one ended");
    expect(ended.reason).toBe("the user has said no to the inbox");
    expect((await parts.store.inbox.find().toArray()).map(({ userId }) => userId)).toEqual(["bob"]);
    presence.stop();
  });
});
