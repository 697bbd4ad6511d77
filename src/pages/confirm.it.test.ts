import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import { readConfirmToken } from "../integrations/confirm-links.ts";
import { findViolations, launchChromium } from "../pieces/testing/shop-page.ts";
import {
  findProfileOutlines,
  findSuppressions,
  followWish,
  listConsentChanges,
  profileId,
  toAddressHash,
} from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startPages } from "./testing/start-pages.ts";

const SERVICE = "intervention.v1.ProfileService";
const PUBLIC_URL = "https://edge.shop.example";
const CHANNELS = {
  email: {
    contact: ContactChannel.EMAIL,
    name: "CONTACT_CHANNEL_EMAIL",
    address: (n: number) => `ada-${n}@example.com`,
  },
  sms: { contact: ContactChannel.SMS, name: "CONTACT_CHANNEL_SMS", address: (n: number) => `+4312345${1_000 + n}` },
} as const;
type Channel = keyof typeof CHANNELS;
type Asked = {
  readonly requestId: string;
  readonly state: string;
  readonly interventionId: string;
  readonly confirmTime?: string;
};

let engine: Awaited<ReturnType<typeof startPages>>;
let browser: Browser;
beforeAll(async () => {
  [engine, browser] = await Promise.all([startPages({ PUBLIC_URL }), launchChromium()]);
  await engine.startSending(["email", "sms"]);
});
afterAll(async () => {
  await browser.close();
  await engine[Symbol.asyncDispose]();
});

let made = 0;
/** A user who is asked by a channel whether he wants marketing there, and has the message. */
async function ask(channel: Channel = "email", changes: object = {}) {
  made += 1;
  const userId = `ada-${made}`;
  const whose = { workspaceId: engine.workspace, userId };
  const { contact, name, address: addressOf } = CHANNELS[channel];
  const address = addressOf(made);
  await engine.putProfile({ userId, locale: "de-AT", addresses: [{ channel: contact, address }] });
  const request = {
    userId,
    channel: name,
    source: "newsletter form",
    textVersion: "2026-11",
    requestId: "r1",
    ...changes,
  };
  const { status, body } = await engine.call(`${SERVICE}/RequestConsent`, request);
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { consentRequest: { state: "STATE_PENDING", address } },
  });
  const { interventionId } = (body as { consentRequest: Asked }).consentRequest;
  const message = await until(
    () => engine.store.outbox.findOne({ _id: `${interventionId}:${channel}:1` }),
    "the message",
  );
  await until(() => engine.store.events.findOne({ _id: `${interventionId}:sent` }), "all that is written of it");
  const [link = ""] = /https:\/\/edge\.shop\.example\/confirm\?t=[\w.-]+/.exec(message.content) ?? [];
  const url = link.replace(PUBLIC_URL, engine.base);
  return {
    ...{ userId, address, request, message, url, interventionId },
    outline: async () => (await findProfileOutlines(engine.store, [whose])).get(profileId(engine.workspace, userId)),
    history: () => listConsentChanges(engine.store, engine.workspace, userId),
    listed: async () => {
      const answer = await engine.call(`${SERVICE}/ListConsentRequests`, { userId });
      return (answer.body as { consentRequests: Asked[] }).consentRequests;
    },
    /** Whether marketing goes to the user by the channel. */
    async isPermitted(): Promise<boolean> {
      const answer = await engine.call("intervention.v1.InterventionService/Trigger", {
        ...{ recipient: { userId }, content: { title: "Shoes" } },
        policy: { channels: [`CHANNEL_${channel.toUpperCase()}`], purpose: "PURPOSE_MARKETING" },
      });
      const id = (answer.body as { interventionId: string }).interventionId;
      const decided = await until(() => engine.store.events.findOne({ _id: `${id}:decided` }), "decided");
      return decided.reason === "send";
    },
  };
}
const post = (url: string) => fetch(url, { method: "POST" });

describe("a consent that is asked for", () => {
  test.each(["email", "sms"] as const)(
    "by %s permits marketing once it is confirmed, and not before",
    async (channel) => {
      const asked = await ask(channel);
      expect(asked.message.to).toBe(asked.address);
      expect(await asked.isPermitted()).toBe(false);
      expect(await asked.listed()).toMatchObject([{ state: "STATE_PENDING", requestId: "r1" }]);
      const done = await post(asked.url);
      expect([done.status, await done.text()]).toEqual([200, expect.stringContaining("Sie bekommen von nun an")]);
      expect(await asked.listed()).toMatchObject([{ state: "STATE_CONFIRMED", confirmTime: expect.any(String) }]);
      expect(await asked.isPermitted()).toBe(true);
      expect(await asked.history()).toMatchObject([
        {
          ...{ subject: `${channel}/marketing`, word: "granted", textVersion: "2026-11" },
          source: `newsletter form, confirmed by ${channel}`,
        },
      ]);
      expect((await asked.outline())?.addresses).toMatchObject([{ address: asked.address, verified: true }]);
    },
  );

  it("is not confirmed by who follows the link, reads ahead or asks for the head of the page, however often", async () => {
    const { url, listed } = await ask();
    const before = await engine.snapshot();
    const looks = [{}, { purpose: "prefetch", "sec-purpose": "prefetch;prerender" }, { "user-agent": "Mimecast/1" }];
    for (const headers of looks) {
      const look = await fetch(url, { headers });
      const html = await look.text();
      expect([look.status, html]).toEqual([200, expect.stringContaining("per E-Mail bekommen?")]);
      expect(html).toContain('<form method="post"><button>Ja, gern</button></form>');
      expect(look.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    }
    for (const method of ["HEAD", "OPTIONS", "PUT"]) await fetch(url, { method });
    const context = await browser.newContext();
    await (await context.newPage()).goto(url);
    await context.close();
    expect(await engine.snapshot()).toBe(before);
    expect(await listed()).toMatchObject([{ state: "STATE_PENDING" }]);
  });

  it("is confirmed by the button without a script, and says so however often it is pressed, with the first time", async () => {
    const { url, history, listed } = await ask();
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(url);
    await page.getByRole("button", { name: "Ja, gern" }).click();
    await page.getByText("Sie bekommen von nun an").waitFor();
    expect(await page.getByRole("link", { name: /Auswählen/ }).getAttribute("href")).toMatch(/^\/preferences\?t=/);
    await context.close();
    const [first] = await listed();
    for (const answer of await Promise.all(Array.from({ length: 5 }, () => post(url)))) expect(answer.status).toBe(200);
    expect(await listed()).toEqual([first]);
    expect(await history()).toHaveLength(1);
  });

  it("brings an address back that had unsubscribed; a no that comes after it stands", async () => {
    const { url, address, isPermitted, userId } = await ask();
    const hash = toAddressHash(engine.workspaceDocument, { channel: "email", address });
    const whose = { workspaceId: engine.workspace, channel: "email", hash } as const;
    await followWish(engine.store, { ...whose, wish: "stop", at: new Date(), source: "link" });
    await post(url);
    const standing = await findSuppressions(engine.store, engine.workspaceDocument, [{ channel: "email", address }]);
    expect([...standing.values()]).toEqual([]);
    const no = { userId, channel: "CONTACT_CHANNEL_EMAIL", status: "CONSENT_STATUS_DENIED", source: "call" };
    await engine.call(`${SERVICE}/SetConsent`, no);
    await post(url);
    expect(await isPermitted()).toBe(false);
  });

  it("is asked for in the shop's own words by a template, which has a place for the link", async () => {
    const service = "intervention.v1.TemplateService";
    const LINK = [{ name: "confirm_url", type: "VARIABLE_TYPE_URL" }];
    const publish = async (templateId: string, variables: readonly object[], body: string) => {
      const draft = { variables, variants: [{ sms: { text: body } }] };
      const made = await engine.call(`${service}/CreateTemplate`, { templateId, displayName: templateId, draft });
      if (made.status !== 200) await engine.call(`${service}/UpdateDraft`, { name: templateId, draft });
      expect((await engine.call(`${service}/PublishTemplate`, { name: templateId })).status).toBe(200);
    };
    await publish("ours", LINK, "Join us: <%= it.confirm_url %>");
    await publish("without", [], "Join us!");
    const { message, url, request, listed } = await ask("sms", { template: { template: "ours" } });
    expect(JSON.parse(message.content)).toMatchObject({ text: expect.stringMatching(/^Join us: https:/) });
    // A newer version does not make another call of it.
    await publish("ours", LINK, "Do join us: <%= it.confirm_url %>");
    expect((await engine.call(`${SERVICE}/RequestConsent`, request)).status).toBe(200);
    expect((await post(url)).status).toBe(200);
    const other = { ...request, requestId: "r2", template: { template: "without" } };
    expect(await engine.call(`${SERVICE}/RequestConsent`, other)).toMatchObject({
      ...{ status: 400, body: { message: expect.stringMatching(/"without" has no variable confirm_url/) } },
    });
    expect(await listed()).toMatchObject([{ requestId: "r1", state: "STATE_CONFIRMED" }]);
  });

  it("asked for again by the same call is one, and one message", async () => {
    const { request, interventionId, listed } = await ask();
    const again = await engine.call(`${SERVICE}/RequestConsent`, request);
    expect(again).toMatchObject({ status: 200, body: { consentRequest: { interventionId } } });
    expect(await listed()).toHaveLength(1);
    const other = await engine.call(`${SERVICE}/RequestConsent`, { ...request, textVersion: "2026-12" });
    expect(other).toMatchObject({
      status: 400,
      body: { code: "invalid_argument", message: expect.stringMatching(/stands for another/) },
    });
  });

  test.each([
    { what: "a phone", width: 360 },
    { what: "a desk", width: 1_280 },
  ])("has a page that fits $what and has no accessibility violations", async ({ width }) => {
    const { url } = await ask();
    const context = await browser.newContext({ viewport: { width, height: 800 }, bypassCSP: true });
    const page = await context.newPage();
    await page.goto(url);
    expect(await findViolations(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    await context.close();
  });
});

describe("a consent that can't be confirmed changes nothing", () => {
  it("when its time is over", async () => {
    const { url, listed, userId } = await ask();
    await engine.store.consentRequests.updateOne({ userId }, { $set: { expiresAt: new Date(Date.now() - 1) } });
    const before = await engine.snapshot();
    for (const answer of [await fetch(url), await post(url)])
      expect([answer.status, await answer.text()]).toEqual([410, expect.stringContaining("zu spät")]);
    expect(await engine.snapshot()).toBe(before);
    expect(await listed()).toMatchObject([{ state: "STATE_EXPIRED" }]);
  });

  it("when its address is no longer the user's", async () => {
    const { url, userId, address } = await ask();
    const removed = { profile: { userId, addresses: [{ channel: "CONTACT_CHANNEL_EMAIL", address, removed: true }] } };
    await engine.call(`${SERVICE}/Upsert`, removed);
    const before = await engine.snapshot();
    expect((await post(url)).status).toBe(404);
    expect(await engine.snapshot()).toBe(before);
  });

  it("when its link was changed, or is one for something else", async () => {
    const { url, userId } = await ask();
    const token = new URL(url).searchParams.get("t") ?? "";
    const [workspace = "", sealed = ""] = token.split(".");
    const preferences = /preferences\?t=([\w.-]+)/.exec(await (await post((await ask()).url)).text())?.[1] ?? "none";
    const before = await engine.snapshot();
    for (const bad of ["", "x", `${token}A`, `${workspace}.${sealed.slice(4)}`, `b3RoZXI.${sealed}`, preferences]) {
      expect(readConfirmToken(engine.access, bad), bad).toBeUndefined();
      expect((await post(`${engine.base}/confirm?t=${bad}`)).status, bad).toBe(404);
    }
    expect(await engine.snapshot()).toBe(before);
    expect(await findProfileOutlines(engine.store, [{ workspaceId: engine.workspace, userId }])).not.toEqual(new Map());
  });
});

describe("bad input to RequestConsent is refused with what is wrong, and changes nothing", () => {
  const good = { channel: "CONTACT_CHANNEL_EMAIL", source: "form", textVersion: "1" };
  test.each([
    ["a channel that reaches no address", { channel: "CONTACT_CHANNEL_INBOX" }, /channel: .*is not one of/],
    ["a channel that the profile has no address on", { channel: "CONTACT_CHANNEL_SMS" }, /no address on this channel/],
    ["an address that is not the user's", { address: "eve@example.com" }, /no such address as "eve@example.com"/],
    ["no text", { textVersion: "" }, /text_version/],
    ["a time that is too short", { ttl: "60s" }, /ttl/],
    ["a template that is not there", { template: { template: "none" } }, /"none" is not there/],
  ])("%s", async (_, changes, says) => {
    made += 1;
    const userId = `eve-${made}`;
    await engine.putProfile({
      userId,
      addresses: [{ channel: ContactChannel.EMAIL, address: `${userId}@example.com` }],
    });
    const before = await engine.snapshot();
    const answer = await engine.call(`${SERVICE}/RequestConsent`, { userId, ...good, ...changes });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: "invalid_argument", message: expect.stringMatching(says) },
    });
    expect(await engine.snapshot()).toBe(before);
  });

  it("a user who is not known", async () => {
    const answer = await engine.call(`${SERVICE}/RequestConsent`, { userId: "nobody", ...good });
    expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } });
  });

  it("more than five that wait", async () => {
    const { request } = await ask();
    for (let n = 2; n <= 5; n += 1) await engine.call(`${SERVICE}/RequestConsent`, { ...request, requestId: `r${n}` });
    const answer = await engine.call(`${SERVICE}/RequestConsent`, { ...request, requestId: "r6" });
    expect(answer).toMatchObject({ status: 429, body: { code: "resource_exhausted" } });
  });
});
