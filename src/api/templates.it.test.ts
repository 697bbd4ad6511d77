import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "./testing/grpc-client.ts";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.TemplateService";
const NAME = { name: "name", type: "VARIABLE_TYPE_STRING", from: "profile.attributes.first_name" };
const draft = (title: string, more: object = {}) => ({
  variables: [NAME],
  variants: [{ realtime: { title } }, { locale: "fr", realtime: { title: `FR ${title}` } }],
  ...more,
});
/** As JSON, whatever it is. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
const HELLO = "Hello <%= it.name %>";

describe("templates, by a client of its own", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers(SERVICE);
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const call = (method: string, request: object) => api.call(method, request);
  const violationsOf = ({ details }: Answer) =>
    details.flatMap(({ fieldViolations }) => (Array.isArray(fieldViolations) ? fieldViolations : []));
  const templateOf = ({ body }: Answer) => plain(body.template);
  const make = async (templateId: string, content: object = draft(HELLO)) => {
    await call("CreateTemplate", { templateId, displayName: templateId, draft: content });
    const published = await call("PublishTemplate", { name: templateId });
    expect(violationsOf(published)).toEqual([]);
    return published;
  };

  it("are made once: the same again is the same, another of its id is refused", async () => {
    const request = { templateId: "once", displayName: "Once", draft: draft(HELLO) };
    const first = await call("CreateTemplate", request);
    expect(templateOf(first)).toMatchObject({
      name: "workspaces/main/templates/once",
      state: "TEMPLATE_STATE_DRAFT",
      version: 0,
      draft: { variants: [{ locale: "" }, { locale: "fr" }] },
    });
    expect(await call("CreateTemplate", request)).toEqual(first);
    expect((await call("CreateTemplate", { ...request, displayName: "Other" })).code).toBe(6);
    expect((await api.callAsStranger("GetTemplate", { name: "once" })).code).toBe(5);
  });

  it("are published as versions that stay, and rolled back by another one equal to the older", async () => {
    await make("versions");
    await call("UpdateDraft", { name: "versions", draft: draft("Good day <%= it.name %>") });
    expect((await call("PublishTemplate", { name: "versions" })).body).toMatchObject({
      template: { version: 2, latestVersion: 2, state: "TEMPLATE_STATE_PUBLISHED" },
      version: { name: "workspaces/main/templates/versions/versions/2", version: 2 },
    });
    expect((await call("RollbackTemplate", { name: "versions", version: 1 })).body).toMatchObject({
      template: { version: 3, draft: { variants: [{ realtime: { title: "Good day <%= it.name %>" } }, {}] } },
      version: { version: 3, restoredFrom: 1 },
    });
    const contents = await Promise.all(
      [1, 2, 0].map(async (version) => (await call("GetTemplateVersion", { name: "versions", version })).body),
    );
    expect(contents).toMatchObject(
      [HELLO, "Good day <%= it.name %>", HELLO].map((title) => ({
        version: { content: { variants: [{ realtime: { title } }, {}] } },
      })),
    );
    const first = (await call("ListTemplateVersions", { name: "versions", pageSize: 2 })).body;
    expect(first.versions).toMatchObject([{ version: 3 }, { version: 2 }]);
    const { nextPageToken: pageToken } = first;
    expect((await call("ListTemplateVersions", { name: "versions", pageSize: 2, pageToken })).body).toMatchObject({
      versions: [{ version: 1 }],
      nextPageToken: "",
    });
  });

  it("that are broken are refused with field, line, column and what was expected, and nothing is changed", async () => {
    const broken = draft("Hello <%= it.nmae %>", { pieces: [{ name: "note", source: "one\n  <% if (" }] });
    await call("CreateTemplate", { templateId: "broken", displayName: "Broken", draft: broken });
    for (const validateOnly of [true, false]) {
      const refused = await call("PublishTemplate", { name: "broken", validateOnly });
      expect(refused.code).toBe(3);
      expect(violationsOf(refused)).toEqual(
        expect.arrayContaining([
          {
            field: "draft.variants[0].realtime.title",
            description: expect.stringMatching(/^line 1, column \d+: found .*nmae.*; expected .*name/),
          },
          { field: "draft.pieces[0].source", description: expect.stringMatching(/^line 2, column \d+: .*expected/) },
        ]),
      );
    }
    expect(templateOf(await call("GetTemplate", { name: "broken" }))).toMatchObject({ version: 0 });
    expect((await call("GetTemplateVersion", { name: "broken", version: 1 })).code).toBe(5);
  });

  it("that lack something are refused by what it is, and a check alone publishes nothing", async () => {
    await call("CreateTemplate", {
      templateId: "lacking",
      displayName: "Lacking",
      draft: { variables: [{ name: "Bad" }], variants: [{ locale: "fr", email: { subject: "", mjml: "" } }] },
    });
    const fields = violationsOf(await call("PublishTemplate", { name: "lacking" })).map(({ field }) => field);
    expect(new Set(fields)).toEqual(
      new Set([
        ...["draft.variables[0].name", "draft.variables[0].type", "draft.variants"],
        ...["draft.variants[0].email", "draft.variants[0].email.subject"],
      ]),
    );
    await call("UpdateDraft", { name: "lacking", draft: draft(HELLO) });
    const { body } = await call("PublishTemplate", { name: "lacking", validateOnly: true });
    expect(body).toMatchObject({ template: { version: 0 }, version: null });
  });

  it("are changed only by who has read what is there", async () => {
    const { etag } = templateOf(await make("etags"));
    const { etag: newer } = templateOf(await call("UpdateDraft", { name: "etags", etag, draft: draft("New") }));
    expect(newer).not.toBe(etag);
    for (const [method, more] of [
      ["UpdateDraft", { draft: draft("Lost") }],
      ["PublishTemplate", {}],
      ["RollbackTemplate", { version: 1 }],
    ] as const)
      expect((await call(method, { name: "etags", etag, ...more })).code).toBe(10);
    expect(templateOf(await call("GetTemplate", { name: "etags" }))).toMatchObject({ etag: newer, version: 1 });
  });

  it("published by several at once become that many versions, each once", async () => {
    await make("raced");
    const published = await Promise.all(Array.from({ length: 8 }, () => call("PublishTemplate", { name: "raced" })));
    const versions = published.filter(({ code }) => code === 0).map((one) => plain(one.body.version).version);
    expect(new Set(versions).size).toBe(versions.length);
    expect(templateOf(await call("GetTemplate", { name: "raced" })).version).toBe(versions.length + 1);
  });

  it("that are archived stay as they are for ever, and their versions can be read", async () => {
    await make("archived");
    const archived = templateOf(await call("ArchiveTemplate", { name: "archived" }));
    expect(archived).toMatchObject({ state: "TEMPLATE_STATE_ARCHIVED", version: 1 });
    expect(templateOf(await call("ArchiveTemplate", { name: "archived" }))).toEqual(archived);
    expect((await call("UpdateDraft", { name: "archived", draft: draft("x") })).code).toBe(9);
    expect((await call("PublishTemplate", { name: "archived" })).code).toBe(9);
    expect((await call("GetTemplateVersion", { name: "archived", version: 1 })).code).toBe(0);
  });

  it("differ line by line, by names", async () => {
    await make("differing", draft(HELLO, { pieces: [{ name: "note", source: "one\ntwo\nthree" }] }));
    await call("UpdateDraft", {
      name: "differing",
      draft: draft(HELLO, { pieces: [{ name: "note", source: "one\n2\nthree" }] }),
    });
    expect((await call("DiffVersions", { name: "differing", from: 1 })).body.fields).toEqual([
      {
        field: "pieces[note].source",
        lines: [
          { side: "SIDE_BOTH", fromLine: 1, toLine: 1, text: "one" },
          { side: "SIDE_FROM", fromLine: 2, toLine: 0, text: "two" },
          { side: "SIDE_TO", fromLine: 0, toLine: 2, text: "2" },
          { side: "SIDE_BOTH", fromLine: 3, toLine: 3, text: "three" },
        ],
      },
    ]);
    expect((await call("DiffVersions", { name: "differing", from: 1, to: 1 })).body.fields).toEqual([]);
  });

  it("are listed newest first, without drafts, each once", async () => {
    for (const index of [1, 2, 3]) await make(`listed-${index}`);
    const names: unknown[] = [];
    let pageToken: unknown = "";
    do {
      const { body } = await call("ListTemplates", { pageSize: 2, pageToken });
      for (const template of body.templates as { templateId: string; draft: unknown }[]) {
        expect(template.draft).toBeNull();
        names.push(template.templateId);
      }
      pageToken = body.nextPageToken;
    } while (pageToken !== "");
    expect(names.filter((name) => String(name).startsWith("listed"))).toEqual(["listed-3", "listed-2", "listed-1"]);
    expect(new Set(names).size).toBe(names.length);
    expect((await api.callAsStranger("ListTemplates", {})).body.templates).toEqual([]);
  });

  it("use the pieces of others as they were when they were published", async () => {
    await make("parts", {
      pieces: [
        { name: "shop", source: "Shop <%~ include('parts/sign') %>" },
        { name: "sign", source: "!" },
      ],
    });
    const user = draft('Hello <%~ include("parts/shop") %>', { variables: [] });
    await make("user", user);
    await call("UpdateDraft", { name: "parts", draft: { pieces: [{ name: "shop", source: "Store" }] } });
    await call("PublishTemplate", { name: "parts" });
    const preview = async (version: number) =>
      plain((await call("PreviewTemplate", { name: "user", version })).body.message).realtime;
    expect(await preview(1)).toMatchObject({ title: "Hello Shop !" });
    expect(await preview(0)).toMatchObject({ title: "Hello Store" });
  });

  it("are previewed with given variables, or with what is known of a user, and in his language", async () => {
    await make(
      "previewed",
      draft("Hello <%= it.name %>, <%= it.total | money %>", {
        variables: [NAME, { name: "total", type: "VARIABLE_TYPE_MONEY" }],
      }),
    );
    const known = await api.client.call("intervention.v1.ProfileService/Upsert", {
      profile: { userId: "ada", locale: "fr-CA", attributes: { fields: { first_name: { stringValue: "Ada" } } } },
    });
    expect(known).toMatchObject({ code: 0 });
    const total = { structValue: { fields: { currency: { stringValue: "EUR" }, minor: { numberValue: 123_450 } } } };
    const variables = { fields: { total } };
    const { body, message } = await call("PreviewTemplate", { name: "previewed", userId: "ada", variables });
    expect(message).toBe("");
    expect(plain(body.message)).toMatchObject({
      locale: "fr",
      realtime: { title: expect.stringMatching(/^FR Hello Ada, 1\s234,50\s€$/) },
    });
    const missing = await call("PreviewTemplate", { name: "previewed", variables });
    expect(violationsOf(missing)).toEqual([
      { field: "variables.name", description: expect.stringContaining("missing") },
    ]);
    const named = { fields: { ...variables.fields, name: { stringValue: "<b>" } } };
    expect((await call("PreviewTemplate", { name: "previewed", variables: named, locale: "en" })).body).toMatchObject({
      message: { realtime: { title: "Hello <b>, €1,234.50" } },
    });
  });

  it("of email are compiled from MJML once, with a text part, and MJML that is wrong is refused by its line", async () => {
    const email = (mjml: string) => ({ variables: [NAME], variants: [{ email: { subject: HELLO, mjml } }] });
    const body = (text: string) =>
      `<mjml><mj-body><mj-section><mj-column>\n${text}\n</mj-column></mj-section></mj-body></mjml>`;
    await make("mail", email(body("<mj-text>Dear <%= it.name %></mj-text>")));
    const variables = { fields: { name: { stringValue: "A & B" } } };
    const { body: shown } = await call("PreviewTemplate", { name: "mail", version: 1, variables });
    expect(shown).toMatchObject({
      message: {
        email: {
          subject: "Hello A & B",
          html: expect.stringContaining("Dear A &amp; B"),
          text: expect.stringContaining("Dear A & B"),
        },
      },
    });
    await call("UpdateDraft", { name: "mail", draft: email(body("<mj-nothing />")) });
    expect(violationsOf(await call("PublishTemplate", { name: "mail" }))).toEqual([
      {
        field: "draft.variants[0].email.mjml",
        description: expect.stringMatching(/^line 2, .*mj-nothing/),
      },
    ]);
  });

  it("of pools of codes: each code is in it once, however often it is added", async () => {
    const added = await Promise.all([
      call("AddCodes", { pool: "spring", codes: ["A", "B", "A"] }),
      call("AddCodes", { pool: "spring", codes: ["B", "C"] }),
    ]);
    expect(added.reduce((sum, { body }) => sum + Number(body.added), 0)).toBe(3);
    expect((await call("GetCodePool", { pool: "spring" })).body.pool).toEqual({ pool: "spring", size: 3, drawn: 0 });
    expect((await api.callAsStranger("GetCodePool", { pool: "spring" })).code).toBe(5);
  });
});
