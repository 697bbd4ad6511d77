import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { addUtm } from "./add-utm.ts";
import { classifyActor, judgeByTime } from "./classify-actor.ts";
import { BURST, findBurst } from "./find-burst.ts";
import { trackLinks } from "./track-links.ts";

const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const hit = { method: "GET", userAgent: CHROME, purpose: "", isTrap: false, isPixel: false };

describe("who was behind a hit", () => {
  test.each([
    { name: "a browser", given: {}, actor: "person" },
    { name: "a browser that follows the hidden link", given: { isTrap: true }, actor: "scanner" },
    { name: "a browser that prefetches", given: { purpose: "prefetch;prerender" }, actor: "prefetch" },
    { name: "HEAD", given: { method: "HEAD" }, actor: "scanner" },
    {
      name: "SafeLinks",
      given: { userAgent: "Mozilla/5.0 (compatible; Microsoft Office Existence Discovery)" },
      actor: "scanner",
    },
    { name: "Mimecast", given: { userAgent: "Mimecast-URL-Protect/1.0" }, actor: "scanner" },
    { name: "Proofpoint", given: { userAgent: "Mozilla/5.0 Proofpoint TAP" }, actor: "scanner" },
    {
      name: "Google's proxy of a picture",
      given: {
        isPixel: true,
        userAgent: "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
      },
      actor: "privacy_proxy",
    },
    { name: "Apple's proxy of a picture", given: { isPixel: true, userAgent: "Mozilla/5.0" }, actor: "privacy_proxy" },
    {
      name: "a search engine",
      given: { userAgent: "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)" },
      actor: "bot",
    },
    { name: "a script", given: { userAgent: "curl/8.1" }, actor: "bot" },
    { name: "nothing said", given: { userAgent: "" }, actor: "bot" },
  ])("$name: $actor, with the evidence", ({ given, actor }) => {
    const judged = classifyActor({ ...hit, ...given });
    expect(judged.actor).toBe(actor);
    expect(judged.evidence).not.toBe("");
  });

  it("is no person within a second of the sending, and stays what it was later", () => {
    const person = classifyActor(hit);
    expect(judgeByTime(person, 400)).toEqual({ actor: "scanner", evidence: "400 ms after it was sent" });
    expect(judgeByTime(person, 1_000)).toBe(person);
    expect(judgeByTime(person, undefined)).toBe(person);
    const bot = classifyActor({ ...hit, userAgent: "curl/8.1" });
    expect(judgeByTime(bot, 1)).toBe(bot);
  });
});

describe("a burst", () => {
  const links = ["a", "b", "c", "d"];
  test.each([
    {
      name: "three links at once",
      hits: [0, 10, 20].map((atMs, i) => ({ atMs, link: links[i] ?? "" })),
      found: [0, 1, 2],
    },
    { name: "one link three times", hits: [0, 10, 20].map((atMs) => ({ atMs, link: "a" })), found: [] },
    { name: "two links", hits: [0, 10].map((atMs, i) => ({ atMs, link: links[i] ?? "" })), found: [] },
    {
      name: "three links in two seconds",
      hits: [0, 990, 1_980].map((atMs, i) => ({ atMs, link: links[i] ?? "" })),
      found: [],
    },
    {
      name: "three links at once, and the one that was read long after",
      hits: [0, 500, 1_000, 60_000].map((atMs, i) => ({ atMs, link: links[i] ?? "" })),
      found: [0, 1, 2],
    },
  ])("of $name: $found", ({ hits, found }) => {
    expect([...findBurst(hits)].sort((a, b) => a - b)).toEqual(found);
  });

  it("is the same in whatever order its hits come, and every hit of it is near two others of other links", () => {
    const hit = fc.record({ atMs: fc.nat(5_000), link: fc.constantFrom(...links) });
    fc.assert(
      fc.property(fc.array(hit, { maxLength: 20 }), (hits) => {
        const found = findBurst(hits);
        const backwards = findBurst(hits.toReversed());
        expect(new Set([...backwards].map((index) => hits.length - 1 - index))).toEqual(found);
        for (const index of found) {
          const near = hits.filter(({ atMs }) => Math.abs(atMs - (hits[index]?.atMs ?? 0)) <= BURST.ms);
          expect(new Set(near.map(({ link }) => link)).size).toBeGreaterThanOrEqual(BURST.links);
        }
      }),
    );
  });
});

describe("links of a message", () => {
  const urls = {
    click: (url: string, id: string) => `https://t.example/c/${id}?${encodeURIComponent(url)}`,
    pixel: "https://t.example/o/x.gif",
    trap: "https://t.example/c/trap",
  };

  it("of an email lead past the engine, but for those that are kept and other schemes", () => {
    const html =
      '<body><a href="https://shop.example/?a=1&amp;b=2">Buy</a><a style="x" href="https://e.example/unsubscribe?t=1">No</a><a href="mailto:a@b.example">Mail</a><img src="https://shop.example/i.png"></body>';
    const text = "Buy: https://shop.example/?a=1&b=2.\n\nhttps://e.example/unsubscribe?t=1";
    const email = trackLinks({ channel: "email", html, text } as const, urls, ["https://e.example/unsubscribe?t=1"]);
    const click = `https://t.example/c/?${encodeURIComponent("https://shop.example/?a=1&b=2")}`;
    expect(email.html).toContain(`<a href="${click}">Buy</a>`);
    expect(email.html).toContain('href="https://e.example/unsubscribe?t=1"');
    expect(email.html).toContain('href="mailto:a@b.example"');
    expect(email.html).toContain('src="https://shop.example/i.png"');
    expect(email.html.endsWith("</body>")).toBe(true);
    expect(email.html).toContain('<img src="https://t.example/o/x.gif"');
    expect(email.text).toBe(`Buy: ${click}.\n\nhttps://e.example/unsubscribe?t=1`);
  });

  it("of SMS and push too, where they are; a webhook stays as it is", () => {
    const sms = trackLinks({ channel: "sms", text: "Now (https://s.example/a)!" } as const, urls, []);
    expect(sms.text).toBe(`Now (https://t.example/c/?${encodeURIComponent("https://s.example/a")})!`);
    const push = {
      channel: "push",
      url: "https://s.example/a",
      actions: [{ id: "buy", url: "https://s.example/b" }, { id: "later" }],
    } as const;
    expect(trackLinks(push, urls, []).actions).toEqual([
      { id: "buy", url: urls.click("https://s.example/b", "buy") },
      { id: "later" },
    ]);
    const webhook = { channel: "webhook", body: "https://s.example" } as const;
    expect(trackLinks(webhook, urls, [])).toBe(webhook);
  });
});

describe("UTM parameters", () => {
  it("are added, and never in the place of those that are there", () => {
    const url = addUtm("https://shop.example/a?utm_medium=own&q=1#top", {
      medium: "email",
      campaign: "spring sale",
      content: "",
    });
    expect(url).toBe(
      "https://shop.example/a?utm_medium=own&q=1&utm_source=intervention-engine&utm_campaign=spring+sale#top",
    );
  });

  it("leave everything else of any address as it was", () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (given) => {
        const [before, after] = [new URL(given), new URL(addUtm(given, { medium: "m", campaign: "c", content: "x" }))];
        expect([after.origin, after.pathname, after.hash]).toEqual([before.origin, before.pathname, before.hash]);
        for (const [name, value] of before.searchParams) expect(after.searchParams.getAll(name)).toContain(value);
      }),
    );
  });
});
