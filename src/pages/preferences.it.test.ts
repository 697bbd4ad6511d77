import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { ProductSchema } from "../../gen/intervention/v1/catalog_pb.js";
import { ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import { readPreferenceToken, toPreferenceUrls } from "../integrations/preference-links.ts";
import { toUnsubscribeUrls } from "../integrations/unsubscribe-links.ts";
import { findViolations, launchChromium } from "../pieces/testing/shop-page.ts";
import {
  findProfileOutlines,
  findSuppressions,
  followWish,
  listConsentChanges,
  listSubscriptions,
  profileId,
  putProducts,
  subscribe,
  toAddressHash,
  toProductDocument,
} from "../store/index.ts";
import { startPages } from "./testing/start-pages.ts";

const { EMAIL, SMS } = ContactChannel;
const MAIL = { channel: "email", address: "ada@example.com" } as const;
const SHOE = "product:shoe-1:back_in_stock";

let engine: Awaited<ReturnType<typeof startPages>>;
let browser: Browser;
beforeAll(async () => {
  [engine, browser] = await Promise.all([startPages(), launchChromium()]);
  const product = create(ProductSchema, { productId: "shoe-1", title: 'A "red" <shoe>' });
  const at = timestampFromDate(new Date());
  await putProducts(engine.store, [
    toProductDocument({ workspaceId: engine.workspace, productId: "shoe-1", product, at }),
  ]);
});
afterAll(async () => {
  await browser.close();
  await engine[Symbol.asyncDispose]();
});

let made = 0;
/** A user of Vienna who gets email, has a phone that he never spoke of, and follows two topics. */
async function newUser() {
  made += 1;
  const userId = `ada-${made}`;
  const whose = { workspaceId: engine.workspace, userId };
  await engine.putProfile({
    ...{ userId, locale: "en-GB", timeZone: "Europe/Vienna" },
    addresses: [MAIL, { channel: "sms", address: "+43123456789" }].map(({ channel, address }) => ({
      ...{ channel: channel === "sms" ? SMS : EMAIL, address },
    })),
  });
  await engine.say(userId, EMAIL, "granted");
  for (const topic of [SHOE, "bargains <b>"]) await subscribe(engine.store, { ...whose, topic }, new Date());
  const url = toPreferenceUrls(engine.access, engine.base)?.(engine.workspace, userId) ?? "";
  return {
    ...{ userId, url },
    outline: async () => (await findProfileOutlines(engine.store, [whose])).get(profileId(engine.workspace, userId)),
    said: async () =>
      (await listConsentChanges(engine.store, engine.workspace, userId)).map(
        ({ subject, word }) => `${subject} ${word}`,
      ),
    topics: async () =>
      (await listSubscriptions(engine.store, { ...whose, after: "", limit: 10 })).map(({ topic }) => topic),
    post: (form: readonly (readonly [string, string])[], to = url) =>
      fetch(to, { method: "POST", body: new URLSearchParams(form.map(([name, value]) => [name, value])) }),
  };
}
/** What the page sends when nothing was changed on it. */
const UNCHANGED = [
  ...["email", "sms", "shop"].map((channel) => ["asked", channel] as const),
  ...[
    ["channel", "email"],
    ["channel", "shop"],
  ].map(([name = "", value = ""]) => [name, value] as const),
  ...[SHOE, "bargains <b>"].flatMap((topic) => [["follows", topic] as const, ["topic", topic] as const]),
  ...([
    ["from", "22:00"],
    ["until", "07:00"],
    ["language", "en-GB"],
    ["do", "all"],
  ] as const),
];
const without = (name: string, value: string) => UNCHANGED.filter((one) => one[0] !== name || one[1] !== value);

describe("the page of preferences", () => {
  it("shows what stands to whoever looks, and changes nothing", async () => {
    const { url } = await newUser();
    const before = await engine.snapshot();
    const look = await fetch(url, { headers: { "accept-language": "de" } });
    const html = await look.text();
    expect([look.status, html]).toEqual([200, expect.stringContaining('<html lang="en">')]);
    expect(html).toMatch(/name="channel" value="email" checked/);
    expect(html).toMatch(/name="channel" value="sms">/);
    expect(html).toContain("A &quot;red&quot; &lt;shoe&gt; is back in stock");
    expect(html).toContain("bargains &lt;b&gt;");
    expect(html).toContain("In the time zone Europe/Vienna");
    expect(html).not.toMatch(/ada|example\.com|\+43/);
    expect(look.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    await fetch(url, { method: "HEAD" });
    expect(await engine.snapshot()).toBe(before);
  });

  it("is used without a script: channels, topics, quiet hours and language are what was chosen", async () => {
    const { url, outline, said, topics } = await newUser();
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(url);
    await page.getByLabel("By email").uncheck();
    await page.getByLabel("By SMS").check();
    await page.getByLabel("While you are in the shop").uncheck();
    await page.getByLabel('A "red" <shoe> is back in stock').uncheck();
    await page.getByLabel("No offers and news at certain hours").check();
    await page.getByLabel("From").fill("21:30");
    await page.getByLabel("Language").selectOption({ label: "Deutsch" });
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Ihre Auswahl ist gespeichert.").waitFor();
    expect(await page.getByLabel("Per E-Mail").isChecked()).toBe(false);
    await context.close();
    expect(await outline()).toMatchObject({
      ...{ locale: "de", quietHours: "21:30-07:00", granted: [{ name: "sms/marketing" }] },
    });
    expect(new Set(await said())).toEqual(
      new Set([
        ...["email/marketing denied", "email/marketing granted", "inbox/marketing denied"],
        ...["realtime/marketing denied", "sms/marketing granted"],
      ]),
    );
    expect(await topics()).toEqual(["bargains <b>"]);
  });

  test.each([
    { what: "a phone", width: 360, colorScheme: "light" },
    { what: "a desk", width: 1_280, colorScheme: "dark" },
  ] as const)("fits $what and has no accessibility violations", async ({ width, colorScheme }) => {
    const { url } = await newUser();
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, bypassCSP: true });
    const page = await context.newPage();
    await page.goto(url);
    expect(await findViolations(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    await context.close();
  });

  it("keeps what was filled in when a time is wrong, so that only that has to be mended", async () => {
    const { post, outline } = await newUser();
    const chosen = [...without("channel", "email"), ["channel", "sms"], ["quiet", "on"]] as const;
    const wrong = chosen.filter(([name, value]) => name !== "from" && value !== "en-GB" && value !== SHOE);
    const answer = await post([...wrong, ["follows", SHOE], ["from", '">x'], ["language", "fr"]]);
    const html = await answer.text();
    expect([answer.status, html]).toEqual([400, expect.stringContaining("two different times")]);
    expect(html).toMatch(/name="channel" value="email">.*name="channel" value="sms" checked/);
    expect(html).toMatch(/name="topic" value="product:shoe-1:back_in_stock">/);
    expect(html).toMatch(/name="quiet" value="on" checked.*name="from" value="&quot;&gt;x"/);
    expect(html).toMatch(/<option value="fr" lang="fr" selected>/);
    expect(await outline()).toMatchObject({ locale: "en-GB", granted: [{ name: "email/marketing" }] });
  });

  it("leaves everything as it was when nothing was changed, however often it is sent", async () => {
    const { post } = await newUser();
    const before = await engine.snapshot();
    for (let n = 0; n < 2; n += 1) expect((await post(UNCHANGED)).status).toBe(200);
    expect(await engine.snapshot()).toBe(before);
  });

  it("leaves alone what it has not shown, as it came afterwards", async () => {
    const { userId, post, topics, said } = await newUser();
    await subscribe(engine.store, { workspaceId: engine.workspace, userId, topic: "new" }, new Date());
    await post(without("asked", "email").filter(([, value]) => value !== "email"));
    expect(await topics()).toContain("new");
    expect(await said()).toEqual(["email/marketing granted"]);
  });

  it("ends all offers and news at once, whatever is ticked", async () => {
    const { post, outline } = await newUser();
    await post([...without("do", "all"), ["do", "none"]]);
    expect((await outline())?.denied.map(({ name }) => name).toSorted()).toEqual([
      ...["email/marketing", "inbox/marketing", "realtime/marketing"],
    ]);
  });

  it("shows an address that has unsubscribed as such, and takes that back when it is ticked", async () => {
    const { post, url } = await newUser();
    const hash = toAddressHash(engine.workspaceDocument, MAIL);
    const whose = { workspaceId: engine.workspace, channel: "email", hash } as const;
    await followWish(engine.store, { ...whose, wish: "stop", at: new Date(), source: "link" });
    expect(await (await fetch(url)).text()).toMatch(/name="channel" value="email">/);
    expect((await post(UNCHANGED)).status).toBe(200);
    const standing = await findSuppressions(engine.store, engine.workspaceDocument, [MAIL]);
    expect([...standing.values()]).toEqual([]);
  });

  it("is where the page to unsubscribe leads, which says so in the reader's language", async () => {
    const { userId, url } = await newUser();
    const unsubscribeUrl =
      toUnsubscribeUrls(engine.access, engine.base)?.(engine.workspace, { ...MAIL, userId, interventionId: "iv" }) ??
      "";
    const html = await (await fetch(unsubscribeUrl, { headers: { "accept-language": "it" } })).text();
    const [, link = ""] = /<a href="([^"]+)">Scegliere/.exec(html) ?? [];
    expect(new URL(link, engine.base).href).toBe(url);
    const forged = await (await fetch(unsubscribeUrl.replace(/&p=.*/, "&p=%22%3E%3Cscript%3E"))).text();
    expect(forged).not.toMatch(/<a |<script/);
  });
});

describe("bad input is refused with what is wrong, and changes nothing", () => {
  test.each([
    ["two equal times", [...without("from", "22:00"), ["quiet", "on"], ["from", "07:00"]], /two different times/],
    ["a time that is none", [...without("from", "22:00"), ["quiet", "on"], ["from", "25:00"]], /two different times/],
    ["no time", [...without("until", "07:00"), ["quiet", "on"]], /two different times/],
    ["a channel that is none", [...UNCHANGED, ["asked", "fax"]], /not filled in on this page/],
    ["a language that is not spoken", [...without("language", "en-GB"), ["language", "xx"]], /not filled in/],
    ["no button", without("do", "all"), /not filled in/],
    ["another button", [...without("do", "all"), ["do", "delete"]], /not filled in/],
    ["nothing", [], /not filled in/],
  ] as readonly (readonly [string, readonly (readonly [string, string])[], RegExp])[])("%s", async (_, form, says) => {
    const { post } = await newUser();
    const before = await engine.snapshot();
    const answer = await post([["asked", "email"], ...form]);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(says)]);
    expect(await engine.snapshot()).toBe(before);
  });

  it("a link that was changed, is another's, or is for somebody unknown", async () => {
    const { url, post } = await newUser();
    const token = new URL(url).searchParams.get("t") ?? "";
    const [workspace = "", sealed = ""] = token.split(".");
    const bytes = Buffer.from(sealed, "base64url");
    const flipped = bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
    const bad = [
      ...["", "x", workspace, `${workspace}.`, `${token}A`, `${workspace}.${sealed.slice(0, -2)}`],
      ...[`${workspace}.${Buffer.from(flipped).toString("base64url")}`],
      ...[`${Buffer.from("other").toString("base64url")}.${sealed}`],
    ];
    const unknown = toPreferenceUrls(engine.access, engine.base)?.(engine.workspace, "nobody") ?? "";
    const before = await engine.snapshot();
    for (const one of bad) expect(readPreferenceToken(engine.access, one), one).toBeUndefined();
    for (const to of [...bad.map((one) => `${engine.base}/preferences?t=${one}`), unknown]) {
      for (const answer of [await fetch(to), await post(UNCHANGED, to)])
        expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining("not valid")]);
    }
    expect(await engine.snapshot()).toBe(before);
  });
});
