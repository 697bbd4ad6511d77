import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { State } from "../../gen/intervention/v1/intervention_pb.js";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { insertEvents } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startDelivering } from "./testing/start-delivering.ts";

const oneEmailADay = (_: string, channel: string) => (channel === "email" ? { perDay: 1, timeZone: "UTC" } : undefined);

async function startWithFake() {
  const fake = new FakeProvider("fake");
  const engine = await startDelivering([fake]);
  await engine.addAccount(fake);
  await engine.startDecide();
  return { fake, engine };
}
const held = async (engine: Awaited<ReturnType<typeof startDelivering>>) =>
  (await engine.metrics.deliveriesHeld.get()).values
    .filter(({ labels }) => labels.why === "quota")
    .reduce((total, { value }) => total + value, 0);

describe("a workspace with a quota a day", () => {
  it("sends so many, and the rest waits for the next day", async () => {
    const { fake, engine } = await startWithFake();
    await using _ = engine;
    await using _first = await engine.startWorker({ findQuota: oneEmailADay });
    await using _second = await engine.startWorker({ findQuota: oneEmailADay });
    const ids = [await engine.accept(), await engine.accept(), await engine.accept()];
    await until(async () => (await held(engine)) === 2, "two put off");
    expect(fake.sent).toHaveLength(1);
    expect(await engine.store.quotaSlots.find().toArray()).toMatchObject([{ channel: "email", slot: 1 }]);
    const { state } = await engine.bus.jsm.streams.info(engine.bus.subjects.stream("DELAYED"));
    expect(state.messages).toBeGreaterThanOrEqual(1);
    expect(ids).toHaveLength(3);
  });

  it("lets expire what would be too late by then", async () => {
    const { fake, engine } = await startWithFake();
    await using _ = engine;
    await using _worker = await engine.startWorker({ findQuota: () => ({ perDay: 0, timeZone: "UTC" }) });
    // Quotas of zero begin to count again at midnight, which is after this whenever the test runs.
    const soon = timestampFromMs(Math.min(Date.now() + 60_000, new Date().setUTCHours(23, 59, 59, 999)));
    const id = await engine.accept({ expireTime: soon });
    await engine.reached(id, State.EXPIRED);
    expect(fake.sent).toEqual([]);
  });

  it("counts a delivery once though it takes several attempts, and not at all if no provider gets it", async () => {
    const { fake, engine } = await startWithFake();
    await using _ = engine;
    let calls = 0;
    fake.answer = () => {
      calls += 1;
      return calls === 1 ? { kind: "retry", reason: "busy" } : { kind: "sent", providerMessageId: "m" };
    };
    const cancelled = await engine.accept();
    const at = new Date();
    await insertEvents(engine.store, [
      {
        ...{ _id: `${cancelled}:cancelled`, workspaceId: engine.workspace, interventionId: cancelled, userId: "u" },
        ...{ kind: "cancelled", campaign: "", channel: "email", occurredAt: at, receivedAt: at },
      },
    ]);
    await using _worker = await engine.startWorker({ findQuota: oneEmailADay });
    await until(async () => (await engine.attemptsOf(cancelled))[0]?.result?.outcome === "cancelled", "looked at");
    await until(async () => (await engine.store.quotaSlots.countDocuments()) === 0, "given back");
    const sent = await engine.accept();
    await engine.reached(sent, State.SENT);
    expect(fake.sent.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(await engine.store.quotaSlots.find().toArray()).toMatchObject([{ claim: `${sent}:email`, slot: 1 }]);
  });
});
