import { afterEach, describe, expect, it, vi } from "vitest";
import { postWebhook } from "./post-webhook.ts";
import { type Answer, startWebhookReceiver } from "./testing/webhook-receiver.ts";

const postTo = (url: string, more: Partial<Parameters<typeof postWebhook>[0]> = {}) =>
  postWebhook({ url, headers: {}, body: "{}", allowPrivate: false, ...more });

describe("posting a webhook", () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ["by plain http", "http://example.com/", "the URL is not https"],
    ["to the machine itself", "https://127.0.0.1:9/", "the host has an address that is not public"],
    ["to the machine itself by IPv6", "https://[::1]:9/", "the host has an address that is not public"],
    ["to a mapped address", "https://[::ffff:127.0.0.1]:9/", "the host has an address that is not public"],
    ["to a cloud's metadata", "https://169.254.169.254/latest/meta-data", "the host has an address that is not public"],
    ["to an address in another notation", "https://0x7f000001/", "the host has an address that is not public"],
    [
      "to a name that leads to the machine itself",
      "https://localhost:9/",
      "the host has an address that is not public",
    ],
  ])("is refused %s", async (_, url, error) => {
    expect(await postTo(url)).toMatchObject({ isDelivered: false, status: 0, error });
  });

  it("connects nowhere when it is refused", async () => {
    await using receiver = await startWebhookReceiver();
    await postTo(receiver.url.replace("http:", "https:").replace("127.0.0.1", "localhost"));
    expect(receiver.received).toEqual([]);
  });

  it.each<[string, Answer, object]>([
    [
      "a redirect, which is not followed",
      { status: 302, headers: { location: "/elsewhere" } },
      { status: 302, isDelivered: false },
    ],
    [
      "an endless answer, of which little is read",
      { status: 200, body: "x".repeat(10_000_000) },
      { status: 200, isDelivered: true },
    ],
    ["silence", undefined, { status: 0, error: "there was no answer within 200 ms" }],
    ["503 with Retry-After", { status: 503, headers: { "retry-after": "9" } }, { status: 503, retryAfterMs: 9_000 }],
    [
      "Retry-After where it means nothing",
      { status: 500, headers: { "retry-after": "9" } },
      { retryAfterMs: undefined },
    ],
  ])("tells of %s", async (_, answer, expected) => {
    await using receiver = await startWebhookReceiver(() => answer);
    // Only silence is waited out; whatever does answer may take its time on a busy machine.
    const timeoutMs = answer === undefined ? 200 : 10_000;
    const attempt = await postTo(receiver.url, { allowPrivate: true, timeoutMs });
    expect(attempt).toMatchObject(expected);
    expect(receiver.received).toHaveLength(1);
  });

  it("tells of nobody there", async () => {
    const receiver = await startWebhookReceiver();
    await receiver[Symbol.asyncDispose]();
    expect((await postTo(receiver.url, { allowPrivate: true })).error).toMatch(/ECONNREFUSED/);
  });
});
