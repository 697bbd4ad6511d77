import fc from "fast-check";
import { expect, it } from "vitest";
import { InvalidInput } from "../errors.ts";
import type { PublishedTemplate } from "./compile-template.ts";
import { compileAt, renderCompiled, VARIABLES } from "./testing/render-source.ts";

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  sol: "/",
  bsol: "\\",
  colon: ":",
  tab: "\t",
};

/** As a browser reads an attribute. */
const decode = (text: string) =>
  text
    .replaceAll(/&#(\d+);/g, (_, digits: string) => String.fromCodePoint(Number(digits)))
    .replaceAll(/&([a-z]+);/gi, (found: string, name: string) => NAMED[name.toLowerCase()] ?? found);

/** Where a link leads from a page of the shop: its site, or what it is instead of one. */
function toSite(html: string): string {
  const href = /^<a href="([^"]*)">$/.exec(html)?.[1] ?? "";
  const url = URL.canParse(decode(href), "https://base.example/dir/")
    ? new URL(decode(href), "https://base.example/dir/")
    : undefined;
  return url === undefined ? "nowhere" : `${url.protocol}//${url.host}`;
}

const literal = fc.constantFrom(
  ...["https://", "http:", "//", "/", "\\", "s.example", "p", ".", ":", "@", "?", "#", "?q=", "-", "\t", " ", "\n"],
  ...[
    "&#47;",
    "&sol;",
    "&bsol;",
    "&#58;",
    "&colon;",
    "&#9;",
    "&tab;",
    "https&colon;//s.example/",
    "https://s.example/",
  ],
);
const tag = fc.constantFrom(
  ...["<%= it.name %>", "<%= it.other %>", "<%= it.name | url %>", "<%= it.count %>", "<%= it.link %>"],
  ...["<% if (it.flag) { %>", "<% } else { %>", "<% } %>", "<% for (const one of it.tags) { %>", "<%= one %>"],
);
const value = fc.constantFrom(
  ...[
    undefined,
    "",
    "evil.example",
    "/evil.example",
    "//evil.example",
    "@evil.example",
    ".evil.example",
    "\\evil.example",
  ],
  ...[":1@evil.example", "javascript:x()", "https://evil.example/", "?x", "#x", "..", "a"],
);

function compileLink(source: string): PublishedTemplate | undefined {
  try {
    return compileAt("html", `<a href="${source}">`, { variables: VARIABLES });
  } catch (error) {
    if (error instanceof InvalidInput) return undefined;
    throw error;
  }
}

it("a link leads to the site that its author wrote, or that a URL names, whatever its other variables hold", () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof(literal, tag), { minLength: 1, maxLength: 7 }),
      fc.record({ name: value, other: value, one: value, flag: fc.boolean(), turns: fc.integer({ min: 0, max: 2 }) }),
      fc.constantFrom(undefined, "https://shop.example", "https://shop.example/p", "https://shop.example?x"),
      (parts, { name, other, one, flag, turns }, link) => {
        const template = compileLink(parts.join(""));
        if (template === undefined) return;
        accepted += 1;
        const common = { link, flag, count: 7 };
        const render = (values: object) => renderCompiled("html", template, { values: { ...common, ...values } });
        const hostile = render({ name, other, tags: Array.from({ length: turns }, () => one ?? "") });
        const harmless = render({ name: "a", other: "a", tags: Array.from({ length: turns }, () => "a") });
        expect(toSite(hostile), `${hostile} beside ${harmless}`).toBe(toSite(harmless));
      },
    ),
    { numRuns: 20_000 },
  );
  expect(accepted).toBeGreaterThan(500);
});
