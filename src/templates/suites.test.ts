import { describe, expect, it, test } from "vitest";
import { Presentation_Kind } from "../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { LOCALES, loadSuites, type SuiteTexts } from "./load-suites.ts";
import { BRAND, publishSuite, renderExample, UNSUBSCRIBE_URL } from "./testing/render-suite.ts";
import { toSuiteContent } from "./to-suite-content.ts";

const { suites } = loadSuites();
const cases = suites.flatMap((suite) =>
  LOCALES.map((locale) => ({ suite, locale, name: `${suite.suiteId} in ${locale}` })),
);
const TEXTS = ["subject", "preview", "headline", "intro", "outro", "sms", "title", "body", "hello", "reason"];
/** What mail programs show of a subject, on a phone: https://www.litmus.com tells of 30 to 50; what is beyond is cut. */
const SUBJECT_MAX = 70;

describe("a ready suite", () => {
  test.each(cases)("$name says everything it has to", ({ suite, locale }) => {
    const texts = suite.texts.get(locale) ?? {};
    for (const name of TEXTS) expect(texts[name], name).toBeTruthy();
    expect(new Set(Object.keys(texts))).toEqual(new Set(Object.keys(suite.texts.get("en") ?? {})));
    // The same text goes into HTML, where these would be markup.
    for (const [name, text] of Object.entries(texts))
      expect(text.replaceAll(/<%.*?%>/g, "x"), name).not.toMatch(/[&<>]| {2}|\.\.\./);
  });

  test.each(cases)("$name is filled, well-formed and within its bounds on every channel", async ({ suite, locale }) => {
    const { email, sms, push, realtime, warnings } = renderExample(suite, await publishSuite(suite), { locale });
    expect(warnings).toEqual([]);
    const all = [email?.subject, email?.html, email?.text, sms?.text, push?.title, push?.body, realtime?.title];
    for (const text of [...all, realtime?.body]) {
      expect(text).toBeTruthy();
      expect(text).not.toMatch(/undefined|\bnull\b|NaN|<%|%>|\[object|\{\{|tagq/);
    }
    for (const part of toParts(suite.texts.get(locale) ?? {})) expect(email?.html).toContain(part);
    expect(email?.html).toMatch(new RegExp(`<html[^>]* lang="${locale}"`));
    expect(email?.html).toMatch(/<title>[^<]+<\/title>/);
    expect([...(email?.subject ?? "")].length).toBeLessThanOrEqual(SUBJECT_MAX);
    for (const [image] of (email?.html ?? "").matchAll(/<img\b[^>]*>/g)) expect(image).toMatch(/ alt="[^"]+"/);
    expect(sms?.encoding).toBe("gsm_7");
    expect(sms?.segments).toBe(1);
    expect([...(push?.title ?? "")].length).toBeLessThanOrEqual(65);
    expect([...(push?.body ?? "")].length).toBeLessThanOrEqual(178);
  });

  test.each(cases)("$name can be unsubscribed from if it is marketing, by email and SMS", async ({ suite, locale }) => {
    const { email, sms } = renderExample(suite, await publishSuite(suite), { locale });
    const isMarketing = suite.purpose === Purpose.MARKETING;
    expect(sms?.text.includes("STOP")).toBe(isMarketing);
    expect(email?.html.includes(`href="${UNSUBSCRIBE_URL}"`)).toBe(isMarketing);
    expect(email?.text).toContain("Hafenstraße 12, 20457 Hamburg");
  });

  test.each(suites)(
    "$suiteId closes what it opens, in browsers and in Outlook, however long its lists are",
    async (suite) => {
      const template = await publishSuite(suite);
      for (const length of [0, 1, 2]) {
        const lists = Object.entries(suite.example).flatMap(([name, value]) =>
          Array.isArray(value) ? [[name, value.slice(0, length)] as const] : [],
        );
        const { email } = renderExample(suite, template, { locale: "en", variables: Object.fromEntries(lists) });
        expect(findUnbalanced(toBrowser(email?.html ?? ""))).toEqual([]);
        expect(findUnbalanced(toOutlook(email?.html ?? ""))).toEqual([]);
      }
    },
  );

  test.each(suites)("$suiteId needs nothing but what it cannot do without", async (suite) => {
    const template = await publishSuite(suite, { ...BRAND, postalAddress: "" });
    const needed = suite.variables.filter(
      ({ optional, defaultValue, name }) => !optional && defaultValue === undefined && name in suite.example,
    );
    const least = Object.fromEntries(needed.map(({ name }) => [name, suite.example[name] ?? ""]));
    for (const locale of LOCALES) {
      const { email, sms } = renderExample({ ...suite, example: least }, template, { locale });
      expect(email?.html).not.toMatch(/undefined|<%/);
      expect(sms?.text).not.toMatch(/undefined|<%/);
    }
  });

  it("speaks to whom it has no language for in the shop's own, numbers and dates included", async () => {
    const suite = suites.find(({ suiteId }) => suiteId === "price-drop");
    if (suite === undefined) throw new Error("there is a suite price-drop");
    const template = await publishSuite(suite, { ...BRAND, defaultLocale: "de" });
    for (const locale of ["", "pl", "de-AT"])
      expect(renderExample(suite, template, { locale }).email?.subject.replaceAll(/\s/g, " ")).toMatch(
        /kostet jetzt (69,90 €|€ 69,90)$/,
      );
    expect(renderExample(suite, template, { locale: "en-GB" }).email?.subject).toMatch(/now costs €69.90$/);
  });

  it("says how a page shows it", async () => {
    for (const suite of suites) {
      const { realtime } = renderExample(suite, await publishSuite(suite), { locale: "fr" });
      expect(realtime?.presentation?.kind).toBe(suite.presentation.kind);
      expect(realtime?.presentation?.kind).not.toBe(Presentation_Kind.UNSPECIFIED);
    }
  });
});

describe("a shop's color", () => {
  const suite = suites.find(({ suiteId }) => suiteId === "cart-abandonment");
  test.each([
    ["#1d4ed8", "#ffffff"],
    ["#000000", "#ffffff"],
    ["#ffffff", "#000000"],
    ["#facc15", "#000000"],
    ["#808080", "#000000"],
  ])("%s has %s written on it", async (color, on) => {
    if (suite === undefined) throw new Error("there is a suite cart-abandonment");
    const { email } = renderExample(suite, await publishSuite(suite, { ...BRAND, color }), { locale: "en" });
    expect(email?.html).toMatch(new RegExp(`bgcolor="${color}"[^>]*>\\s*<a\\s[^>]*[;"]color:${on};`));
  });
});

it("a suite is the same content each time, so that installing it again finds it unchanged", () => {
  for (const suite of suites) expect(toSuiteContent(suite, BRAND)).toEqual(toSuiteContent(suite, BRAND));
});

/** Said by other channels, or only where there is something to say it of. */
const ELSEWHERE = new Set(["subject", "sms", "title", "body", "stop", "instead", "unsubscribe"]);
/** What an email has to say in any case: the words of its blocks, beside their tags. */
const toParts = (texts: SuiteTexts) =>
  Object.entries(texts)
    .filter(([name]) => !ELSEWHERE.has(name))
    .flatMap(([, text]) => text.split(/<%.*?%>/).filter((part) => part.trim().length > 3));

const VOID = new Set(["area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"]);

/** What a browser reads: conditions of Outlook are comments to it. */
const toBrowser = (html: string) => html.replaceAll(/<!--[\s\S]*?-->/g, "");
/** What Outlook reads: what stands in its conditions too. */
const toOutlook = (html: string) =>
  toBrowser(html.replaceAll(/<!--\[if [^\]]*\]>(<!-->)?|<!(--<)?\[endif\](--)?>/g, "")).replaceAll(
    /<noscript>[\s\S]*?<\/noscript>/g,
    "",
  );

/** Tags that are not closed in their order. */
function findUnbalanced(html: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const plain = html.replaceAll(/<style[\s\S]*?<\/style>/g, "");
  for (const [tag, slash, name = ""] of plain.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/gi)) {
    if (VOID.has(name.toLowerCase())) continue;
    if (slash === "") open.push(name.toLowerCase());
    else if (open.pop() !== name.toLowerCase()) wrong.push(tag);
  }
  return [...wrong, ...open];
}
