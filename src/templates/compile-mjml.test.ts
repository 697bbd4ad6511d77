import { create } from "@bufbuild/protobuf";
import { describe, expect, it, test } from "vitest";
import { TemplateContentSchema, VariableType } from "../../gen/intervention/v1/template_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { buildTemplate, renderTemplate } from "../domain/template/index.ts";
import { compileMjml } from "./compile-mjml.ts";

const variables = [
  { name: "name", type: VariableType.STRING },
  { name: "link", type: VariableType.URL, optional: true },
  { name: "color", type: VariableType.STRING, optional: true },
  { name: "items", type: VariableType.LIST, optional: true, element: { type: VariableType.STRING } },
];
const toMjml = (body: string, head = "") =>
  `<mjml>\n<mj-head>${head}</mj-head>\n<mj-body>\n<mj-section><mj-column>\n${body}\n</mj-column></mj-section>\n</mj-body>\n</mjml>`;
const build = (mjml: string, pieces: readonly { readonly name: string; readonly source: string }[] = []) =>
  buildTemplate(
    create(TemplateContentSchema, { variables, pieces: [...pieces], variants: [{ email: { subject: "Hi", mjml } }] }),
    { path: "draft", shared: new Map(), compileMjml },
  );
const render = async (mjml: string, values: object = {}, pieces: Parameters<typeof build>[1] = []) => {
  const { template } = await build(mjml, pieces);
  const given = { name: "A & B", ...values };
  const { email, warnings } = renderTemplate(template, { variables: given, locale: "en", timeZone: "UTC" });
  return { html: email?.html ?? "", text: email?.text ?? "", warnings };
};
/** What is wrong with it, field and description. */
const refusalOf = async (mjml: string) => {
  try {
    await build(mjml);
  } catch (error) {
    if (error instanceof InvalidInput) return error.violations;
    throw error;
  }
  return [];
};

describe("an email in MJML", () => {
  it("becomes HTML with its variables escaped for where they stand, and a text part that says the same", async () => {
    const body =
      '<mj-text>Hello <%= it.name %></mj-text><mj-button href="<%= it.link %>">Open</mj-button>' +
      '<mj-image src="https://s.example/x.png" alt="<%= it.name %>" />';
    const { html, text, warnings } = await render(toMjml(body), { link: "https://s.example/?a=1&b=2" });
    expect(html).toContain("Hello A &amp; B");
    expect(html).toContain('href="https://s.example/?a=1&amp;b=2"');
    expect(html).toContain('alt="A &amp; B"');
    expect(text).toContain("Hello A & B");
    expect(text).toContain("Open (https://s.example/?a=1&b=2)");
    expect(text).not.toContain("<");
    expect(warnings).toEqual([]);
  });

  it("has loops and conditions between its elements, and pieces, on every program alike", async () => {
    const body =
      "<% for (const item of it.items) { %><mj-text>* <%= item %></mj-text><% } %>" +
      '<% if (it.link) { %><mj-text>link</mj-text><% } %><%~ include("foot", { sign: it.name }) %>';
    const pieces = [{ name: "foot", source: "<mj-text>Yours, <%= it.sign %></mj-text>" }];
    const { text } = await render(toMjml(body), { items: ["one", "two"] }, pieces);
    expect(text.split(/\s*\n\s*/)).toEqual(["* one", "* two", "Yours, A & B"]);
  });

  it("is published as what it became, which compiles again to the same", async () => {
    const { content } = await build(toMjml("<mj-text><%= it.name %></mj-text>"));
    expect(content.variants[0]?.email).toMatchObject({ mjml: "" });
    const again = await buildTemplate(content, { path: "again", shared: new Map(), compileMjml });
    expect(again.content).toEqual(content);
  });

  it("that is long is sent with a warning, and one that is too long is not sent", async () => {
    const body = "<mj-text><% for (const item of it.items) { %><%= item %><% } %></mj-text>";
    const items = (count: number) => Array.from({ length: count }, () => "&".repeat(1_000));
    expect((await render(toMjml(body), { items: items(30) })).warnings).toEqual([
      expect.stringMatching(/^the email has \d+ KiB of HTML: Gmail cuts what is beyond 102 KiB$/),
    ]);
    await expect(render(toMjml(body), { items: items(100) })).resolves.toBeDefined();
    const large = `${body}<mj-text>${"x".repeat(30_000)}</mj-text>`;
    await expect(render(toMjml(large), { items: items(100) })).rejects.toThrow(/bytes; up to 524288 are allowed/);
  });

  test.each([
    ["an element that there is not", "<mj-txt>x</mj-txt>", 5],
    ["an attribute that there is not", '<mj-text colour="red">x</mj-text>', 5],
    ["an element in the wrong place", "<mj-text>x</mj-text>\n<mj-column></mj-column>", 6],
    [
      "a tag where it leaves no trace",
      '<mj-text>x</mj-text>\n<mj-image padding="<%= it.color %>" src="https://x.example" />',
      6,
    ],
    ["a variable in a style", '\n<mj-text color="<%= it.color %>">x</mj-text>', 6],
    ["a file", '<mj-include path="/etc/passwd" />', 5],
    ["an unknown variable", "<mj-text>\n<%= it.nmae %></mj-text>", 6],
    ["an open element", "<mj-text>x", 6],
    ["an element that is not closed in its order", "<mj-table><mj-text></mj-table></mj-text>", 5],
  ])("with %s is refused, with its line", async (_, body, line) => {
    const violations = await refusalOf(toMjml(body));
    expect(violations.length).toBeGreaterThan(0);
    for (const { field } of violations) expect(field).toBe("draft.variants[0].email.mjml");
    expect(violations.map(({ description }) => description)).toContainEqual(
      expect.stringMatching(new RegExp(`^line ${line}, column \\d+: found .*; expected .*`)),
    );
  });

  it("that is nothing of the kind is refused", async () => {
    for (const mjml of ["hello", "<html></html>", "<mjml>", "<mjml></mjml>"])
      expect(await refusalOf(mjml), mjml).not.toEqual([]);
  });
});
