import { describe, expect, it } from "vitest";
import { State } from "../../gen/intervention/v1/intervention_pb.js";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { startDelivering } from "./testing/start-delivering.ts";

describe("delivering by a provider", () => {
  it("sends what was decided for it, once, and tells so", async () => {
    const fake = new FakeProvider("fake");
    await using engine = await startDelivering([fake]);
    await engine.addAccount(fake);
    await using _worker = await engine.startWorker();
    await engine.startDecide();
    const id = await engine.accept();
    await engine.reached(id, State.SENT);
    expect(fake.sent).toMatchObject([
      {
        deliveryId: `${id}:email`,
        attempt: 1,
        to: expect.stringMatching(/@example\.com$/),
        content: { channel: "email", from: "shop@example.com", subject: "Your order is late" },
      },
    ]);
    expect(await engine.attemptsOf(id)).toMatchObject([
      {
        attempt: { attempt: 1, provider: "fake" },
        result: { outcome: "sent", providerMessageId: `fake-${id}:email-1` },
      },
    ]);
  });
});
