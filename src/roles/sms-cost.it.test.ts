import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Channel, State } from "../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { findLatestRounds, toDecisionInput } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startDelivering } from "./testing/start-delivering.ts";

/** Of a segment: five cents. */
const MICROS = 50_000;

describe("an SMS", () => {
  const [sms, email] = [new FakeProvider("sms", "sms"), new FakeProvider("email")];
  let engine: Awaited<ReturnType<typeof startDelivering>>;
  let worker: AsyncDisposable;
  beforeAll(async () => {
    engine = await startDelivering([sms, email]);
    await engine.addAccount(sms, { cost: { currency: "EUR", micros: MICROS } });
    await engine.addAccount(email, { cost: { currency: "EUR", micros: 100 } });
    await engine.startDecide();
    worker = await engine.startWorker();
  });
  afterAll(async () => {
    await worker?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  const send = async (segments: number, costMax: readonly number[] = []) => {
    const id = await engine.accept({
      recipient: {
        userId: "ada",
        addresses: [
          { channel: ContactChannel.SMS, address: "+4915112345678" },
          { channel: ContactChannel.EMAIL, address: "ada@example.com" },
        ],
      },
      content: { title: "x".repeat(segments === 1 ? 100 : segments * 153) },
      policy: {
        ...{ channels: [Channel.SMS, Channel.EMAIL], purpose: Purpose.SERVICE },
        costMax: costMax.map((micros) => ({ currency: "EUR", micros: BigInt(micros) })),
      },
    });
    await engine.reached(id, State.SENT);
    return id;
  };
  const sent = (id: string) =>
    until(async () => (await engine.eventsOf(id)).find(({ kind }) => kind === "sent"), `${id} is told as sent`);

  it("costs as often as it has segments, which its event says for the figures", async () => {
    for (const segments of [1, 3])
      expect(await sent(await send(segments))).toMatchObject({
        ...{ channel: "sms", currency: "EUR", costMicros: segments * MICROS },
      });
  });

  it("of more segments than may be paid for gives way to the next channel, by what is recorded of its cost", async () => {
    const within = await send(2, [2 * MICROS]);
    expect(await sent(within)).toMatchObject({ channel: "sms", costMicros: 2 * MICROS });
    const beyond = await send(3, [2 * MICROS]);
    expect(await sent(beyond)).toMatchObject({ channel: "email", costMicros: 100 });
    const document = (await findLatestRounds(engine.store, engine.workspace, [beyond])).get(beyond);
    expect(document && toDecisionInput(document)?.channelCosts).toMatchObject([
      { channel: Channel.SMS, cost: { currency: "EUR", micros: BigInt(3 * MICROS) } },
      { channel: Channel.EMAIL, cost: { micros: 100n } },
    ]);
  });
});
