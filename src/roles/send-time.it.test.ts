import { timestampDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Outcome, Rule } from "../../gen/intervention/v1/decision_pb.js";
import { Channel, SendTime_Method, State } from "../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { findScheduled } from "../bus/index.ts";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { toSpan } from "../domain/analytics/span.ts";
import { decide } from "../domain/decision/decide.ts";
import { type EventDocument, findLatestRounds, insertEvents, toDecision, toDecisionInput } from "../store/index.ts";
import { putRollups } from "../store/rollups.ts";
import { until } from "../testing/until.ts";
import { startDelivering } from "./testing/start-delivering.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe("an email that is to come at its user's best hour", () => {
  const fake = new FakeProvider("fake");
  let engine: Awaited<ReturnType<typeof startDelivering>>;
  let worker: AsyncDisposable;
  /** Five hours from now, when nothing changes its hour while the test runs. */
  const best = (new Date().getUTCHours() + 5) % 24;
  beforeAll(async () => {
    engine = await startDelivering([fake]);
    await engine.addAccount(fake);
    await engine.startDecide();
    worker = await engine.startWorker();
  });
  afterAll(async () => {
    await worker?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  const send = (userId: string, policy: object = {}) =>
    engine.accept({
      recipient: {
        ...{ userId, timeZone: "UTC" },
        addresses: [{ channel: ContactChannel.EMAIL, address: `${userId}@example.com` }],
      },
      policy: {
        ...{ channels: [Channel.EMAIL], purpose: Purpose.SERVICE },
        sendTime: { method: SendTime_Method.BEST_HOUR },
        ...policy,
      },
    });
  const decided = (id: string) =>
    until(async () => (await findLatestRounds(engine.store, engine.workspace, [id])).get(id), `${id} is decided`);

  /** That a user looked at something at this hour of the last ten days. */
  const look = (userId: string, hour: number) => {
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const events = Array.from({ length: 10 }, (_, index): EventDocument => {
      const occurredAt = new Date(today - (index + 1) * DAY_MS + hour * HOUR_MS + HOUR_MS / 2);
      const interventionId = `past-${userId}-${index}`;
      return {
        ...{ _id: `${interventionId}:displayed`, workspaceId: engine.workspace, interventionId, userId },
        ...{ kind: "displayed", campaign: "", channel: "email", occurredAt, receivedAt: occurredAt },
      };
    });
    return insertEvents(engine.store, events);
  };

  it("waits for it, says why, and decides the same again on what it recorded", async () => {
    await look("owl", best);
    const id = await send("owl");
    const document = await decided(id);
    const decision = toDecision(document);
    expect(decision.outcome).toBe(Outcome.DELAY);
    const due = decision.notBefore && timestampDate(decision.notBefore);
    expect(due?.getUTCHours()).toBe(best);
    expect(due && due.getTime() - Date.now()).toBeLessThan(DAY_MS);
    expect(decision.verdicts.at(-1)).toMatchObject({
      rule: Rule.SEND_TIME,
      reason: expect.stringMatching(/^waits for the hour from \d\d:00 in UTC: .* by 10 times that this user looked$/),
    });
    const input = toDecisionInput(document);
    expect(input?.sendHours).toMatchObject({ timeZone: "UTC", touches: 10 });
    expect(input && decide(input)).toEqual(decision);
    expect(await engine.stateOf(id)).toBe(State.DELAYED);
    expect(fake.sent).toEqual([]);
    // It waits on the broker's schedule, as for quiet hours. When that fires, it is sent, whatever the hour then.
    const { bus, workspace } = engine;
    const scheduled = await findScheduled(bus, bus.subjects.later(workspace, id));
    expect(scheduled).toBeDefined();
    await bus.js.publish(bus.subjects.due(workspace, id), scheduled?.data ?? new Uint8Array());
    await engine.reached(id, State.SENT);
    expect(fake.sent).toHaveLength(1);
  });

  it("is sent at once to a user for whom no hour within what may be waited is better", async () => {
    await look("lark", new Date().getUTCHours());
    const id = await send("lark");
    await engine.reached(id, State.SENT);
    expect((await engine.eventsOf(id)).map(({ kind }) => kind)).toContain("sent");
  });

  it("looks nothing up where the policy does not ask for it", async () => {
    const id = await send("owl", { sendTime: undefined });
    await engine.reached(id, State.SENT);
    expect(toDecisionInput(await decided(id))?.sendHours).toBeUndefined();
  });

  it("goes to a new user when it is usual in the workspace", async () => {
    const span = toSpan("hour", Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS + best * HOUR_MS);
    const key = { campaign: "", channel: "email", variant: "", template: "", locale: "" };
    const cells = [{ key, counts: { displayed: 10_000 }, amounts: {}, stages: {} }];
    await using other = await startDelivering([fake]);
    await other.addAccount(fake);
    await putRollups(other.store, other.workspace, [{ span, cells }]);
    await other.startDecide();
    const id = await other.accept({
      recipient: {
        userId: "new",
        timeZone: "UTC",
        addresses: [{ channel: ContactChannel.EMAIL, address: "n@x.example" }],
      },
      policy: {
        ...{ channels: [Channel.EMAIL], purpose: Purpose.SERVICE },
        sendTime: { method: SendTime_Method.BEST_HOUR },
      },
    });
    const found = await until(
      async () => (await findLatestRounds(other.store, other.workspace, [id])).get(id),
      "decided for a new user",
    );
    const { notBefore, verdicts } = toDecision(found);
    expect(notBefore && timestampDate(notBefore).getUTCHours()).toBe(best);
    expect(verdicts.at(-1)?.reason).toMatch(/by what is usual here$/);
  });
});
