import { describe, expect, it, test } from "vitest";
import { InvalidInput } from "../errors.ts";
import { renderAt, VARIABLES } from "./testing/render-source.ts";

const pieces = [
  { name: "page", source: '<h1><%~ block("title") %></h1><%~ it.body %><% block("end", () => { %>The end<% }) %>' },
  { name: "letter", source: '<% layout("page") %>Dear <%~ block("to") %>' },
  { name: "sign", source: '<i><%~ block("from") %></i>' },
  { name: "boxed", source: '<% layout("box") %><%= it.note %>' },
  { name: "box", source: '[<%~ block("title") %><%~ it.body %>]' },
  { name: "signed", source: '<%~ block("to") %>, <%~ include("sign") %><%~ include("boxed", { note: it.name }) %>' },
];
const render = (source: string) =>
  renderAt("html", source, { pieces, variables: VARIABLES, values: { name: "A & B" } });
const block = (name: string, text: string) => `<% block("${name}", () => { %>${text}<% }) %>`;

describe("pieces and layouts", () => {
  test.each([
    [
      "a layout with its blocks, body and what it says itself",
      `<% layout("page") %>${block("title", "T")}body`,
      "<h1>T</h1>bodyThe end",
    ],
    ["a block that says something else than the layout", `<% layout("page") %>${block("end", "Bye")}`, "<h1></h1>Bye"],
    [
      "places in a layout that lies in another",
      `<% layout("letter") %>${block("to", "Ada")}${block("title", "T")}`,
      "<h1>T</h1>Dear AdaThe end",
    ],
    [
      "places in a piece that a layout includes",
      `<% layout("signed") %>${block("to", "Ada")}${block("from", "Bo")}`,
      "Ada, <i>Bo</i>[A &amp; B]",
    ],
    [
      "a piece in a layout of its own, whose places are its own",
      `<% layout("signed") %>${block("title", "T")}`,
      ", <i></i>[A &amp; B]",
    ],
    [
      "variables in blocks, escaped where they come to stand",
      `<% layout("page") %>${block("title", "<%= it.name %>")}`,
      "<h1>A &amp; B</h1>The end",
    ],
  ])("make %s", (_, source, html) => {
    expect(render(source)).toBe(html);
  });

  it("are refused where there is none of the name, or two layouts", () => {
    for (const source of [
      '<%~ include("nothing") %>',
      '<% layout("nothing") %>',
      '<% layout("page") %><% layout("box") %>',
    ])
      expect(() => render(source), source).toThrow(InvalidInput);
  });

  it("escape by where a block comes to stand, and not by where it was written", () => {
    const inLink = [{ name: "link", source: '<a href="https://s.example/?q=<%~ block("q") %>">x</a>' }];
    const source = `<% layout("link") %>${block("q", "<%= it.name %>")}`;
    expect(renderAt("html", source, { pieces: inLink, variables: VARIABLES, values: { name: "A & B" } })).toBe(
      '<a href="https://s.example/?q=A%20%26%20B">x</a>',
    );
    const inStyle = [{ name: "style", source: '<style><%~ block("q") %></style>' }];
    const styled = `<% layout("style") %>${block("q", "<%= it.name %>")}`;
    expect(() => renderAt("html", styled, { pieces: inStyle, variables: VARIABLES })).toThrow(/a style sheet/);
  });
});
