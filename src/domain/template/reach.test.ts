import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { TemplateContentSchema, VariableType } from "../../../gen/intervention/v1/template_pb.js";
import { InvalidInput } from "../errors.ts";
import { compileTemplate } from "./compile-template.ts";
import { renderTemplate } from "./render-template.ts";
import { VARIABLES } from "./testing/render-source.ts";

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

  it("is nothing that a hostile value brings along: prototypes, functions, getters and what it can be asked to turn into", () => {
    const template = compileTemplate(
      create(TemplateContentSchema, {
        variables: Object.entries(VARIABLES).map(([name, one]) => ({ ...one, name, optional: true })),
        variants: [{ email: { subject: "-", html: ALL_FILTERS, text: "-" } }],
      }),
    );
    const trap = (reached: () => void) =>
      new Proxy({}, { get: reached, has: () => true, ownKeys: () => ["title", "minor", "length", "secret"] });
    const hostile = fc.oneof(
      fc.constantFrom<unknown>(
        ...[
          () => "native",
          Symbol("s"),
          Object,
          globalThis,
          process.env,
          new Date(),
          /x/,
          1n,
          new Map([["title", "x"]]),
        ],
        ...[{ toString: () => "native" }, { toJSON: () => "native" }, { valueOf: () => 1 }, { length: 3, 0: "native" }],
        ...[
          JSON.parse('{"__proto__": {"title": "native"}, "constructor": "native"}'),
          Object.create({ title: "native" }),
        ],
        ...["constructor", "__proto__", "$`{}", "<%= it.name %>", Number.NaN, Number.POSITIVE_INFINITY, 1e308, -0],
      ),
      fc.object({
        key: fc.constantFrom("title", "minor", "currency", "__proto__", "constructor", "toString", "length"),
      }),
      fc.array(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }), { maxLength: 3 }),
      fc.anything(),
    );
    const names = Object.keys(VARIABLES);
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...names), hostile),
        fc.constantFrom(...names),
        (variables, trapped) => {
          let isAsked = false;
          const asked = () => {
            isAsked = true;
            return undefined;
          };
          for (const values of [variables, { ...variables, secret: trap(asked), [`${trapped}_`]: trap(asked) }])
            try {
              const html = renderTemplate(template, { ...AUDIENCE, variables: values }).email?.html ?? "";
              expect(html).not.toMatch(/native|\[object|=>|function/);
            } catch (error) {
              expect(error).toBeInstanceOf(InvalidInput);
            }
          // What is not declared is not even looked at.
          expect(isAsked).toBe(false);
          expect(Object.keys(Object.prototype)).toEqual([]);
          expect(reached()).toBe(false);
        },
      ),
      {
        numRuns: 3_000,
        // Found before: asking such a length for a number throws.
        examples: [[{ name: { length: { toString: "" } } }, "name"]],
      },
    );
  });
});

/** Every variable, by every filter that takes it. */
const ALL_FILTERS = [
  "<%= it.name | upper %><%= it.name | truncate(3) %><%= it.name | url %><%= it.name | json %><%= it.name ?? it.other %>",
  "<%= it.count | number %><%= it.count | percent(1) %><%= it.count | plural('a', 'b') %><%= it.count | times(2) %>",
  "<%= it.price | money %><%= it.price | times(2) %><%= it.price.minor %><%= it.price.currency %><%= it.price | json %>",
  "<%= it.at | date %><%= it.at | time %><%= it.at | json %><% if (it.flag) { %>yes<% } %><%= it.size %>",
  "<%~ it.banner %><a href='<%= it.link %>'>x</a><%= it.tags | join %><%= it.tags | first %><%= it.tags | count %>",
  "<% for (const item of it.items) { %><%= item.title %><%= item.price %><%= item.tags | join %><% } %><%= it.items | json %>",
].join("\n");
