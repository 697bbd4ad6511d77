import axe from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChromium } from "../pieces/testing/shop-page.ts";
import { LOCALES, loadSuites } from "./load-suites.ts";
import { publishSuite, renderExample } from "./testing/render-suite.ts";

const { suites } = loadSuites();
const [PHONE, DESKTOP] = [375, 1_000];
/** Where to put a picture of each look, for people to look at. */
const { SHOTS } = process.env;
/** What of an email a program can judge: https://dequeuniversity.com/rules/axe/. */
const RULES = ["color-contrast", "document-title", "html-has-lang", "html-lang-valid", "image-alt", "link-name"];
const PICTURE = "https://nordwind.example/picture.svg";
const pictures = (example: Record<string, unknown>) => ({
  ...example,
  ...("title" in example ? { image_url: PICTURE } : {}),
  ...Object.fromEntries(
    Object.entries(example).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one: object) => ({ ...one, image_url: PICTURE })) : value,
    ]),
  ),
});

describe("a ready email in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  // The longest texts are German: what of them fits in the light fits in the dark too.
  const looks = [
    ...LOCALES.map((locale) => ({ locale, width: PHONE, scheme: "light" }) as const),
    { locale: "de", width: DESKTOP, scheme: "light" },
    { locale: "de", width: PHONE, scheme: "dark" },
    { locale: "de", width: DESKTOP, scheme: "dark" },
  ] as const;

  test.each(suites)("$suiteId is read well, fits a phone, and asks for nothing but its pictures", async (suite) => {
    const template = await publishSuite(suite);
    const variables = pictures(suite.example);
    const page = await browser.newPage();
    try {
      const asked: string[] = [];
      await page.route("**", async (route) => {
        asked.push(route.request().url());
        await route.fulfill({ contentType: "image/svg+xml", body: SVG });
      });
      for (const { locale, width, scheme } of looks) {
        const look = `${locale}-${width}-${scheme}`;
        await page.emulateMedia({ colorScheme: scheme });
        await page.setViewportSize({ width, height: 900 });
        await page.setContent(renderExample(suite, template, { locale, variables }).email?.html ?? "");
        if (SHOTS !== undefined)
          await page.screenshot({ path: `${SHOTS}/${suite.suiteId}-${look}.png`, fullPage: true });
        expect(await page.evaluate("document.documentElement.scrollWidth"), look).toBeLessThanOrEqual(width);
        await page.evaluate(axe.source);
        const violations = await page.evaluate(
          `axe.run({ runOnly: ${JSON.stringify(RULES)} }).then(({ violations }) =>
            violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + " " + html)))`,
        );
        expect(violations, look).toEqual([]);
      }
      expect(asked.filter((url) => url !== PICTURE)).toEqual([]);
    } finally {
      await page.close();
    }
  });
});

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="600" viewBox="0 0 8 8"><rect width="8" height="8" fill="#d9c7a8"/><circle cx="4" cy="4" r="2" fill="#7c4a1e"/></svg>';
