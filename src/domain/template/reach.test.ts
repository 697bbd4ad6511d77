import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { TemplateContentSchema, VariableType } from "../../../gen/intervention/v1/template_pb.js";
import { InvalidInput } from "../errors.ts";
import { compileTemplate } from "./compile-template.ts";
import { renderTemplate } from "./render-template.ts";

const AUDIENCE = { locale: "en", timeZone: "UTC" };
const compile = (html: string) =>
  compileTemplate(
    create(TemplateContentSchema, {
      variables: [{ name: "name", type: VariableType.STRING }],
      variants: [{ email: { subject: "-", html } }],
    }),
  );
const renderHtml = (html: string, name: string) =>
  renderTemplate(compile(html), { ...AUDIENCE, variables: { name }, parts: new Set(["email"]) }).email?.html ?? "";

/** What ours would do if any of it were run. */
const CANARY = "templateReached";
const reached = () => Object.hasOwn(globalThis, CANARY);

describe("what a template reaches", () => {
  test.each([
    "<%= it.constructor %>",
    "<%= it.name.constructor %>",
    "<%= it.__proto__ %>",
    '<%= it["name"] %>',
    "<%= it.name.toString() %>",
    "<%= globalThis %>",
    "<%= process.env %>",
    `<% globalThis.${CANARY} = true %>`,
    "<% while (true) { %>x<% } %>",
    "<% for (const x of [1, 2]) { %>x<% } %>",
    "<%= (() => 1)() %>",
    "<%= `it.name` %>",
    "<%= it.name + import('fs') %>",
    "<%~ it.name %>",
    "<%= it.secret %>",
  ])("is not %s, which is refused with line and column", (source) => {
    expect(() => compile(source)).toThrow(/line 1, column \d+/);
    expect(() => compile(source)).toThrow(InvalidInput);
  });

  it("is nothing but its variables, whatever it is pieced together from", () => {
    const fragment = fc.oneof(
      fc.constantFrom(
        ...[
          "<%",
          "%>",
          "<%=",
          "<%~",
          "<%-",
          "-%>",
          "{",
          "}",
          "(",
          ")",
          "`",
          "'",
          '"',
          "\\",
          "${",
          "*/",
          "//",
          "\n",
          "\u2028",
        ],
        ...[
          "it",
          ".",
          "name",
          "constructor",
          "if",
          "else",
          "for",
          "const x of",
          "|",
          "upper",
          "include",
          "layout",
          "block",
        ],
        ...[`globalThis.${CANARY}=1`, `');globalThis.${CANARY}=1;('`, `\`+(globalThis.${CANARY}=1)+\``, "<p>", "</p>"],
      ),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 14 }), fc.string(), (parts, name) => {
        try {
          renderHtml(parts.join(""), name);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInput);
        }
        expect(reached()).toBe(false);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is text where it looks like code outside of tags, to the letter", () => {
    const text = fc.string({ unit: fc.constantFrom("`", "$", "{", "}", "\\", "'", '"', "\n", "a", "\u2028") });
    fc.assert(
      fc.property(text, (source) => {
        expect(renderHtml(`<p>${source}</p>`, "-")).toBe(`<p>${source}</p>`);
      }),
    );
  });

  it("is escaped in elements and attributes, whatever a variable holds", () => {
    const hostile = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '"><script>x()</script>',
        "' onload='x()",
        "</p><img src=x onerror=x()>",
        "<%= it.name %>",
        "&lt;",
      ),
    );
    fc.assert(
      fc.property(hostile, (name) => {
        const html = renderHtml('<p title="<%= it.name %>"><%= it.name %></p>', name === "" ? "-" : name);
        const found = /^<p title="(.*?)">(.*)<\/p>$/s.exec(html);
        expect(found).not.toBeNull();
        const [, attribute = "", element = ""] = found ?? [];
        expect(attribute).not.toMatch(/[<>"]/);
        expect(element).not.toMatch(/[<>]/);
        expect(attribute).toBe(element);
      }),
    );
  });
});
