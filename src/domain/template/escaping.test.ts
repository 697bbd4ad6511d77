import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { InvalidInput } from "../errors.ts";
import { compileAt, renderAt, renderCompiled, VARIABLES } from "./testing/render-source.ts";

const HOSTILE = `"><script>x('&')</script>`;
const ESCAPED = "&quot;&gt;&lt;script&gt;x(&#39;&amp;&#39;)&lt;/script&gt;";
const ENCODED = "%22%3E%3Cscript%3Ex(%27%26%27)%3C%2Fscript%3E";
const html = (source: string, values: Readonly<Record<string, unknown>> = { name: HOSTILE }) =>
  renderAt("html", source, { variables: VARIABLES, values });

describe("a variable in HTML", () => {
  test.each([
    ["between tags", "<p><%= it.name %></p>", `<p>${ESCAPED}</p>`],
    ["in the title", "<title><%= it.name %></title>", `<title>${ESCAPED}</title>`],
    ["in an attribute between double quotes", '<p title="<%= it.name %>">', `<p title="${ESCAPED}">`],
    ["in an attribute between single quotes", "<p title='<%= it.name %>'>", `<p title='${ESCAPED}'>`],
    ["in an attribute behind text", '<p title="a <%= it.name %>">', `<p title="a ${ESCAPED}">`],
    ["in an alt text", '<img alt="<%= it.name %>">', `<img alt="${ESCAPED}">`],
    ["in the path of a URL", '<a href="https://s.example/<%= it.name %>">', `<a href="https://s.example/${ENCODED}">`],
    [
      "in the query of a URL",
      '<a href="https://s.example/?q=<%= it.name %>&p=1">',
      `<a href="https://s.example/?q=${ENCODED}&p=1">`,
    ],
    [
      "in the query of a URL, encoded before",
      '<a href="https://s.example/?q=<%= it.name | url %>">',
      `<a href="https://s.example/?q=${ENCODED}">`,
    ],
    ["behind a path of the same site", '<a href="/p/<%= it.name %>">', `<a href="/p/${ENCODED}">`],
    [
      "in an address",
      '<a href="mailto:a@b.example?subject=<%= it.name %>">',
      `<a href="mailto:a@b.example?subject=${ENCODED}">`,
    ],
  ])("is escaped %s", (_, source, is) => {
    expect(html(source)).toBe(is);
  });

  test.each([
    ["https://s.example/?a=1&b='2'", "https://s.example/?a=1&amp;b=&#39;2&#39;"],
    ["HTTP://s.example", "HTTP://s.example"],
  ])("that is the URL %s is a URL where one begins", (link, is) => {
    expect(html('<a href="<%= it.link %>">', { link })).toBe(`<a href="${is}">`);
    expect(html('<img src="<%= it.link %>">', { link })).toBe(`<img src="${is}">`);
  });

  test.each([
    "javascript:x()",
    "data:text/html,x",
    " https://s.example",
    "//s.example",
    "/p",
    "vbscript:x",
    "ftp://s.example",
    "https:// x",
  ])("that is to be a URL and is %j stops the message", (link) => {
    expect(() => html('<a href="<%= it.link %>">', { link })).toThrow(/variables\.link/);
  });

  test.each([
    ["a style sheet", "<style>p{color:<%= it.name %>}</style>"],
    ["a style", '<p style="color:<%= it.name %>">'],
    ["srcset", '<img srcset="<%= it.name %>">'],
    ["a value without quotes", "<p title=<%= it.name %>>"],
    ["a tag", "<p <%= it.name %>>"],
    ["a tag's name", "<h<%= it.count %>>"],
    ["an attribute's name", '<p data-<%= it.name %>="x">'],
    ["a comment", "<!-- <%= it.name %> -->"],
    ["a declaration", "<!DOCTYPE <%= it.name %>>"],
    ["the beginning of a URL", '<a href="<%= it.name %>">'],
    ["the site of a URL", '<a href="https://<%= it.name %>/x">'],
    ["the end of the site of a URL", '<a href="https://s.example<%= it.name %>">'],
    ["behind a path that may be a site", '<a href="/<%= it.name %>">'],
    ["behind blanks that browsers leave out", '<a href="/\t<%= it.name %>/<%= it.other %>">'],
    ["behind what stands for a slash", '<a href="/&#47;<%= it.name %>">'],
    ["behind another that does", '<a href="https:&sol;&sol;\t/<%= it.name %>">'],
    ["what may be the site of a variable's URL", '<a href="<%= it.link %><%= it.name %>">'],
    ["what may be behind its user's name", '<a href="<%= it.link %>@<%= it.name %>">'],
    ["the same on one of two ways", '<a href="<%= it.link %><% if (it.flag) { %>/<% } %><%= it.name %>">'],
    [
      "the same when a loop does not turn",
      '<a href="<%= it.link %><% for (const one of it.tags) { %>/<% } %><%= it.name %>">',
    ],
    ["the scheme of a URL", '<a href="java<%= it.name %>:x">'],
    ["a script", "<script><%= it.name %></script>"],
  ])("is refused in %s", (_, source) => {
    expect(() => html(source)).toThrow(InvalidInput);
    expect(() => html(source)).toThrow(/line 1, column \d+: found .*; expected /);
  });

  test.each([
    ["<script>x()</script>"],
    ["<SCRIPT src=https://x.example></SCRIPT>"],
    ["<iframe></iframe>"],
    ["<svg onload=x()>"],
    ["<form action=/x>"],
    ['<img src="x" onerror="x()">'],
    ["<p onclick=x()>"],
    ['<a href="javascript:x()">'],
    ['<a href="java&#115;cript:x()">'],
    ['<a href=" &#x6a;avascript&colon;x()">'],
    ['<a href="java\tscript:x()">'],
    ['<a href="data:text/html,x">'],
    ['<iframe srcdoc="x">'],
    ['<base href="https://x.example">'],
    ["<!--[if mso]><script>x()</script><![endif]-->"],
  ])("has none of the author's code around it: %s is refused", (source) => {
    expect(() => html(`${source}<%= it.name %>`)).toThrow(/no script|must not be in a message/);
  });

  test.each([
    ["a branch that leaves a tag open", '<p <% if (it.flag) { %>title="<% } %>x">'],
    ["a loop that opens a tag", "<% for (const tag of it.tags) { %><p title='<% } %>"],
    ["a value that is open at the end", '<p title="<%= it.name %>'],
    ["a style sheet that is open at the end", "<%= it.name %><style>p{}"],
    ["a comment that is open at the end", "<%= it.name %><!-- x"],
  ])("is refused with %s", (_, source) => {
    expect(() => html(source)).toThrow(InvalidInput);
  });

  it("of type URL may be gone on with behind its site, and leads nowhere when it is missing", () => {
    const source = '<a href="<%= it.link %>/<%= it.name %>/<%= it.other %>">';
    expect(html(source, { link: "https://s.example", name: "a", other: "b" })).toBe('<a href="https://s.example/a/b">');
    expect(html(source, { other: "evil.example" })).toBe('<a href="about:invalid//evil.example">');
    expect(html('<a href="<% if (it.flag) { %><%= it.link %><% } else { %>https://s.example/<% } %>">', {})).toBe(
      '<a href="https://s.example/">',
    );
  });

  it("stands in the same place whichever way was taken", () => {
    const source = '<a href="https://s.example/<% if (it.flag) { %>a<% } else { %>b<% } %>?q=<%= it.name %>">';
    expect(html(source, { flag: true, name: "&" })).toBe('<a href="https://s.example/a?q=%26">');
  });

  test.each([
    ["<b>x</b>", "<p><b>x</b></p>"],
    ["a &amp; b", "<p>a &amp; b</p>"],
  ])("of type HTML goes out as it is between tags: %s", (banner, is) => {
    expect(html("<p><%~ it.banner %></p>", { banner })).toBe(is);
  });

  test.each([
    "<script>x()</script>",
    "<b onclick='x()'>x</b>",
    "<b",
    "<!-- x",
    '<a href="javascript:x()">x</a>',
    "<style>",
  ])("of type HTML that is %s stops the message", (banner) => {
    expect(() => html("<p><%~ it.banner %></p>", { banner })).toThrow(/variables\.banner/);
  });

  test.each([
    '<p title="<%~ it.banner %>">',
    "<style><%~ it.banner %></style>",
    "<p><%~ it.name %></p>",
    "<p><%~ it.link %></p>",
  ])("goes out as it is nowhere else: %s is refused", (source) => {
    expect(() => html(source)).toThrow(InvalidInput);
  });
});

describe("a variable elsewhere", () => {
  test.each([
    ["text", "Hi <%= it.name %>", `Hi ${HOSTILE}`],
    ["sms", "Hi <%= it.name %>", `Hi ${HOSTILE}`],
    ["url", "https://s.example/?q=<%= it.name %>", `https://s.example/?q=${ENCODED}`],
    ["line", "Hi <%= it.name %>", `Hi ${HOSTILE}`],
  ] as const)("is as it is read there: %s", (place, source, is) => {
    expect(renderAt(place, source, { variables: VARIABLES, values: { name: HOSTILE } })).toBe(is);
  });

  it("puts no header into an email, and turns no text around", () => {
    const name = "a\r\nBcc: x@y.example\u2028b\u202ec";
    expect(renderAt("line", "Hi <%= it.name %>", { variables: VARIABLES, values: { name } })).toBe(
      "Hi a Bcc: x@y.example b c",
    );
  });

  test.each(["<%= it.name %>", "https://<%= it.name %>/", "https://s.example<%= it.name %>"])(
    "leads nowhere else: %s is refused as a URL",
    (source) => {
      expect(() => renderAt("url", source, { variables: VARIABLES })).toThrow(InvalidInput);
    },
  );
});

describe("what an attacker's value makes of an email", () => {
  // Read as browsers read it, by parts that a template can put a value into.
  const places = ['<p title="', "<p>", '<a href="https://s.example/?q=', "<img alt='", "<title>"] as const;
  const ends: Readonly<Record<(typeof places)[number], string>> = {
    '<p title="': '">x</p>',
    "<p>": "</p>",
    '<a href="https://s.example/?q=': '">x</a>',
    "<img alt='": "'>",
    "<title>": "</title>",
  };
  const piece = fc.constantFrom(
    ...["<", ">", '"', "'", "&", "`", "=", "/", "--", "!", "]]>", "\u0000", "\n", "<script>", "</title>", "</p>"],
    ...["javascript:", "onload=", "&#x3c;", "<%= it.name %>", "\ud83d\ude00", "é", " "],
  );
  const value = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((parts) => parts.join("")),
    fc.string({ unit: "binary" }),
  );

  const compiled = new Map(
    places.map((place) => [place, compileAt("html", `${place}<%= it.name %>${ends[place]}`, { variables: VARIABLES })]),
  );

  it("is text and nothing else, wherever it stands", () => {
    fc.assert(
      fc.property(fc.constantFrom(...compiled), value, ([place, template], name) => {
        const written = renderCompiled("html", template, { values: { name } });
        const inner = written.slice(place.length, written.length - ends[place].length);
        expect(written).toBe(`${place}${inner}${ends[place]}`);
        expect(inner).not.toMatch(/[<>"']/);
        expect(inner.replaceAll(/&(amp|lt|gt|quot|#39);/g, "")).not.toContain("&");
      }),
      { numRuns: 3_000 },
    );
  });
});
