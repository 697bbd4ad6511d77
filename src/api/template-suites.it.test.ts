import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { startCallers } from "./testing/start-callers.ts";

const BRAND = { shopName: "Nordwind", shopUrl: "https://nordwind.example", postalAddress: "Hamburg" };
const SUITES = ["cart-abandonment", "back-in-stock", "price-drop", "welcome", "win-back", "one-time-code"];

type Installed = { readonly name: string; readonly outcome: string; readonly version: number };

describe("ready suites, by a client of its own", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers("intervention.v1.TemplateService");
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const install = (suite: string, more: object = {}) => api.call("InstallSuite", { suite, brand: BRAND, ...more });
  const outcomes = ({ body }: Awaited<ReturnType<typeof install>>) =>
    (body.templates as Installed[]).map(({ name, outcome, version }) => [
      name.replace("workspaces/main/templates/", ""),
      outcome.replace("OUTCOME_", ""),
      version,
    ]);
  const templates = async () => ((await api.call("ListTemplates", {})).body.templates as unknown[]).length;

  it("are listed with what they are for, their languages and an example", async () => {
    const { body } = await api.call("ListSuites", {});
    const suites = body.suites as { suite: string; installed: boolean; locales: string[] }[];
    expect(suites.map(({ suite }) => suite)).toEqual(SUITES);
    expect(suites[0]).toMatchObject({
      ...{ displayName: "Cart abandonment", purpose: "PURPOSE_MARKETING", installed: false },
      locales: ["en", "de", "fr", "es", "it"],
      channels: expect.arrayContaining(["CHANNEL_EMAIL", "CHANNEL_SMS", "CHANNEL_PUSH", "CHANNEL_REALTIME"]),
    });
  });

  it("are only looked at where that is asked for", async () => {
    expect(outcomes(await install("welcome", { validateOnly: true }))).toEqual([
      ["shop-layout", "CREATED", 0],
      ["welcome", "CREATED", 0],
    ]);
    expect(await templates()).toBe(0);
  });

  it("are installed and published once, and say what was done", async () => {
    expect(outcomes(await install("welcome"))).toEqual([
      ["shop-layout", "CREATED", 1],
      ["welcome", "CREATED", 1],
    ]);
    expect(outcomes(await install("welcome"))).toEqual([
      ["shop-layout", "UNCHANGED", 1],
      ["welcome", "UNCHANGED", 1],
    ]);
    expect(outcomes(await install("one-time-code"))).toEqual([
      ["shop-layout", "UNCHANGED", 1],
      ["one-time-code", "CREATED", 1],
    ]);
    const { body } = await api.call("ListSuites", {});
    const installed = (body.suites as { suite: string; installed: boolean }[]).filter((one) => one.installed);
    expect(installed.map(({ suite }) => suite)).toEqual(["welcome", "one-time-code"]);
  });

  test.each(SUITES)("%s is previewed with its example in every language", async (suite) => {
    await install(suite);
    const listed = (await api.call("ListSuites", {})).body.suites as { suite: string; example: object }[];
    const variables = listed.find((one) => one.suite === suite)?.example;
    for (const locale of ["en", "de", "fr", "es", "it"]) {
      const { code, body } = await api.call("PreviewTemplate", { name: suite, version: 1, variables, locale });
      expect(code).toBe(0);
      expect(body).toMatchObject({
        message: { locale: locale === "en" ? "" : locale, email: { html: expect.stringContaining("Nordwind") } },
        warnings: [],
      });
    }
  });

  it("never overwrite what the shop has changed, and take its layout as it is", async () => {
    await install("win-back");
    const { body } = await api.call("GetTemplate", { name: "win-back" });
    const { draft, etag } = JSON.parse(JSON.stringify(body.template));
    draft.variants[0].email.subject = "We miss you";
    await api.call("UpdateDraft", { name: "win-back", etag, draft });
    expect(outcomes(await install("win-back"))).toEqual([
      ["shop-layout", "UNCHANGED", 1],
      ["win-back", "KEPT", 1],
    ]);
    const after = JSON.parse(JSON.stringify((await api.call("GetTemplate", { name: "win-back" })).body.template));
    expect(after.draft.variants[0].email.subject).toBe("We miss you");
    // In another name: what is there stays, too.
    const other = { ...BRAND, shopName: "Südwind" };
    expect(outcomes(await install("welcome", { brand: other }))[1]).toEqual(["welcome", "KEPT", 1]);
  });

  it("are finished where they were left half done", async () => {
    const { body } = await api.call("GetTemplate", { name: "price-drop" });
    expect(body.template).toMatchObject({ version: 1 });
    // What a process that died in between leaves: a draft that was never published.
    const stranger = async (method: string, request: object) => (await api.callAsStranger(method, request)).body;
    const made = JSON.parse(JSON.stringify(body.template)) as { draft: object; displayName: string };
    await stranger("InstallSuite", { suite: "welcome", brand: BRAND });
    await stranger("CreateTemplate", { templateId: "price-drop", displayName: made.displayName, draft: made.draft });
    const { templates: done } = await stranger("InstallSuite", { suite: "price-drop", brand: BRAND });
    expect((done as Installed[])[1]).toMatchObject({ outcome: "OUTCOME_PUBLISHED", version: 1 });
  });

  it("installed by several at once are there once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => api.callAsStranger("InstallSuite", { suite: "back-in-stock", brand: BRAND })),
    );
    for (const { code } of answers) expect(code).toBe(0);
    const { body } = await api.callAsStranger("GetTemplate", { name: "back-in-stock" });
    expect(body.template).toMatchObject({ version: 1, latestVersion: 1 });
  });

  test.each([
    ["no such suite", { suite: "thank-you" }, 5, ""],
    ["no brand", { suite: "welcome", brand: undefined }, 3, "brand.shop_name"],
    [
      "no address of the shop",
      { suite: "welcome", brand: { ...BRAND, shopUrl: "nordwind.example" } },
      3,
      "brand.shop_url",
    ],
    ["a logo that is no URL", { suite: "welcome", brand: { ...BRAND, logoUrl: "javascript:x" } }, 3, "brand.logo_url"],
    ["a color that is none", { suite: "welcome", brand: { ...BRAND, color: "red;}" } }, 3, "brand.color"],
    [
      "a language that it does not speak",
      { suite: "welcome", brand: { ...BRAND, defaultLocale: "pl" } },
      3,
      "brand.default_locale",
    ],
  ] as const)("with %s are refused, and nothing is changed", async (_, request, code, field) => {
    const before = await templates();
    const refused = await api.call("InstallSuite", { brand: BRAND, ...request });
    expect(refused.code).toBe(code);
    const fields = refused.details.flatMap(({ fieldViolations }) =>
      Array.isArray(fieldViolations) ? fieldViolations.map((one: { field: string }) => one.field) : [],
    );
    if (field !== "") expect(fields).toContain(field);
    expect(await templates()).toBe(before);
  });
});
