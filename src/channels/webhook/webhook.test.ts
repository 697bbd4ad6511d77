import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { startAnswering } from "../testing/answering-server.ts";
import { inTime, outgoing } from "../testing/outgoing.ts";
import { webhookProvider } from "./webhook.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const open = () => webhookProvider({ allowPrivate: true }).open({ secret });

describe("webhook", () => {
  it("posts what the library of the standard verifies, under one id for all attempts", async () => {
    await using server = await startAnswering(() => ({ status: 204 }));
    const sender = open();
    const message = outgoing("webhook", `${server.url}/hook`);
    expect(await sender.send([message, { ...message, attempt: 2 }], inTime())).toEqual(
      [1, 2].map(() => ({ kind: "sent", providerMessageId: "iv1:webhook" })),
    );
    for (const { headers, body } of server.asked) {
      expect(new Webhook(secret).verify(body.toString(), headers as Record<string, string>)).toEqual({
        intervention_id: "iv1",
      });
      expect(headers["webhook-id"]).toBe("iv1:webhook");
    }
    await sender.close();
  });

  it.each([
    [{ status: 400 }, { kind: "give_up" }],
    [{ status: 404 }, { kind: "give_up" }],
    [{ status: 408 }, { kind: "retry" }],
    [{ status: 410 }, { kind: "bad_credential" }],
    [
      { status: 429, headers: { "retry-after": "7" } },
      { kind: "retry", retryAfterMs: 7_000 },
    ],
    [{ status: 500 }, { kind: "retry" }],
    [{ status: 302, headers: { location: "http://127.0.0.1/" } }, { kind: "retry" }],
  ] as const)("takes an answer %o as %o", async (reply, result) => {
    await using server = await startAnswering(() => reply);
    const sender = open();
    expect(await sender.send([outgoing("webhook", server.url)], inTime())).toMatchObject([result]);
    expect(server.asked).toHaveLength(1);
    await sender.close();
  });

  it("does not know what became of a message whose connection breaks, and tries again where nobody listens", async () => {
    const server = await startAnswering((_, socket) => void socket.destroy());
    const sender = open();
    expect(await sender.send([outgoing("webhook", server.url)], inTime())).toMatchObject([{ kind: "unknown" }]);
    await server[Symbol.asyncDispose]();
    expect(await sender.send([outgoing("webhook", server.url)], inTime())).toMatchObject([{ kind: "retry" }]);
    await sender.close();
  });

  it("goes to no network of ours, unless that is allowed, and takes no weak secret", async () => {
    const sender = webhookProvider({ allowPrivate: false }).open({ secret });
    for (const url of ["https://127.0.0.1/", "http://example.com/"])
      expect(await sender.send([outgoing("webhook", url)], inTime())).toMatchObject([{ kind: "give_up" }]);
    await sender.close();
    expect(webhookProvider({ allowPrivate: true }).credential.safeParse({ secret: "whsec_c2hvcnQ=" }).success).toBe(
      false,
    );
  });
});
