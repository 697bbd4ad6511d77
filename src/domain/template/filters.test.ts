import { describe, expect, it, test } from "vitest";
import { InvalidInput } from "../errors.ts";
import { FILTERS } from "./filters.ts";
import { renderAt, VARIABLES } from "./testing/render-source.ts";

type Case = {
  readonly source: string;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly locale?: string;
  readonly timeZone?: string;
  readonly is: string;
};

/** Blanks that don't break are written as blanks, so that the tables can be read. */
const render = ({ source, values = {}, locale = "en", timeZone = "UTC" }: Omit<Case, "is">) =>
  renderAt("text", source, { variables: VARIABLES, values, locale, timeZone }).replaceAll(/[\u00a0\u2009\u202f]/g, " ");

const euros = { price: { currency: "EUR", minor: 123_450 } };
const noon = { at: "2026-11-25T12:30:00Z" };
const money: readonly Case[] = [
  { source: "<%= it.price | money %>", values: euros, locale: "en", is: "€1,234.50" },
  { source: "<%= it.price | money %>", values: euros, locale: "de", is: "1.234,50 €" },
  { source: "<%= it.price | money %>", values: euros, locale: "fr", is: "1 234,50 €" },
  { source: "<%= it.price | money %>", values: euros, locale: "es", is: "1234,50 €" },
  { source: "<%= it.price | money %>", values: euros, locale: "it", is: "1234,50 €" },
  { source: "<%= it.price | money %>", values: euros, locale: "de-AT", is: "€ 1.234,50" },
  { source: "<%= it.price %>", values: euros, locale: "de", is: "1.234,50 €" },
  // The currency's own decimals: none, and three.
  { source: "<%= it.price | money %>", values: { price: { currency: "JPY", minor: 1_980 } }, is: "¥1,980" },
  { source: "<%= it.price | money %>", values: { price: { currency: "KWD", minor: 1_234 } }, is: "KWD 1.234" },
  { source: "<%= it.price | money %>", values: { price: { currency: "USD", minor: -5 } }, is: "-$0.05" },
  // As an int64 comes in JSON.
  { source: "<%= it.price | money %>", values: { price: { currency: "GBP", minor: "1999" } }, is: "£19.99" },
  { source: "<%= it.price | times(3) | money %>", values: euros, is: "€3,703.50" },
  { source: "<%= it.price | times(0.5) | money %>", values: { price: { currency: "USD", minor: 5 } }, is: "$0.03" },
  { source: "<%= it.price.minor %> <%= it.price.currency %>", values: euros, is: "123450 EUR" },
];

const numbers: readonly Case[] = [
  { source: "<%= it.count %>", values: { count: 1_234.5 }, locale: "de", is: "1234.5" },
  { source: "<%= it.count | number %>", values: { count: 1_234.5 }, locale: "en", is: "1,234.5" },
  { source: "<%= it.count | number %>", values: { count: 1_234.5 }, locale: "de", is: "1.234,5" },
  { source: "<%= it.count | number(2) %>", values: { count: 1_234.5 }, locale: "fr", is: "1 234,50" },
  { source: "<%= it.count | number(0) %>", values: { count: 2.5 }, locale: "en", is: "3" },
  { source: "<%= it.count | percent %>", values: { count: 0.255 }, locale: "en", is: "26%" },
  { source: "<%= it.count | percent(1) %>", values: { count: 0.255 }, locale: "de", is: "25,5 %" },
  { source: "<%= it.count | times(2) %>", values: { count: 21 }, is: "42" },
];

const times: readonly Case[] = [
  { source: "<%= it.at | date %>", values: noon, locale: "en", is: "Nov 25, 2026" },
  { source: "<%= it.at | date('short') %>", values: noon, locale: "de", is: "25.11.26" },
  { source: "<%= it.at | date('long') %>", values: noon, locale: "fr", is: "25 novembre 2026" },
  { source: "<%= it.at | date('full') %>", values: noon, locale: "es", is: "miércoles, 25 de noviembre de 2026" },
  { source: "<%= it.at | date('long') %>", values: noon, locale: "it", is: "25 novembre 2026" },
  { source: "<%= it.at | time %>", values: noon, locale: "en", is: "12:30 PM" },
  { source: "<%= it.at | time %>", values: noon, locale: "de", is: "12:30" },
  { source: "<%= it.at %>", values: noon, locale: "en", is: "Nov 25, 2026" },
  // The user's own clock: another hour, and another day.
  { source: "<%= it.at | time %>", values: noon, locale: "de", timeZone: "Europe/Berlin", is: "13:30" },
  { source: "<%= it.at | time %>", values: noon, locale: "en", timeZone: "Asia/Kathmandu", is: "6:15 PM" },
  {
    source: "<%= it.at | date %>",
    values: { at: "2026-11-25T23:30:00Z" },
    timeZone: "Asia/Tokyo",
    is: "Nov 26, 2026",
  },
  // On either side of the night in which the clock is set back, and of the one in which it is set forward.
  {
    source: "<%= it.at | time('long') %>",
    values: { at: "2026-10-25T00:30:00Z" },
    locale: "de",
    timeZone: "Europe/Berlin",
    is: "02:30:00 MESZ",
  },
  {
    source: "<%= it.at | time('long') %>",
    values: { at: "2026-10-25T01:30:00Z" },
    locale: "de",
    timeZone: "Europe/Berlin",
    is: "02:30:00 MEZ",
  },
  {
    source: "<%= it.at | time %>",
    values: { at: "2026-03-08T09:59:00Z" },
    timeZone: "America/Los_Angeles",
    is: "1:59 AM",
  },
  {
    source: "<%= it.at | time %>",
    values: { at: "2026-03-08T10:00:00Z" },
    timeZone: "America/Los_Angeles",
    is: "3:00 AM",
  },
  { source: "<% if (it.at < '2026-12-01T00:00:00Z') { %>soon<% } %>", values: noon, is: "soon" },
];

const many = "<%= it.count | plural('one', 'few', 'many', 'other') %>";
const six = "<%= it.count | plural('zero', 'one', 'two', 'few', 'many', 'other') %>";
const plural = (locale: string, source: string, forms: Readonly<Record<number, string>>): readonly Case[] =>
  Object.entries(forms).map(([count, is]) => ({ source, values: { count: Number(count) }, locale, is }));
const two = "<%= it.count %> <%= it.count | plural('A', 'B') %>";
const plurals: readonly Case[] = [
  ...plural("en", two, { 0: "0 B", 1: "1 A", 2: "2 B", 21: "21 B" }),
  ...plural("de", two, { 0: "0 B", 1: "1 A", 2: "2 B" }),
  // None is one in French.
  ...plural("fr", two, { 0: "0 A", 1: "1 A", 2: "2 B" }),
  ...plural("es", two, { 0: "0 B", 1: "1 A", 2: "2 B" }),
  ...plural("it", two, { 0: "0 B", 1: "1 A", 2: "2 B" }),
  ...plural("ja", two, { 1: "1 B", 5: "5 B" }),
  ...plural("pl", many, { 1: "one", 2: "few", 5: "many", 22: "few", 25: "many" }),
  ...plural("ar", six, { 0: "zero", 1: "one", 2: "two", 3: "few", 11: "many", 100: "other" }),
  // A form that the template has not is the last one.
  ...plural("pl", two, { 1: "1 A", 2: "2 B", 5: "5 B" }),
];

const list = { tags: ["a", "b", "c"] };
const texts: readonly Case[] = [
  { source: "<%= it.name | upper %>", values: { name: "straße" }, locale: "de", is: "STRASSE" },
  { source: "<%= it.name | upper %>", values: { name: "izmir" }, locale: "tr", is: "İZMİR" },
  { source: "<%= it.name | lower %>", values: { name: "ISIK" }, locale: "tr", is: "ısık" },
  { source: "<%= it.name | capitalize %>", values: { name: "élise" }, locale: "fr", is: "Élise" },
  { source: "<%= it.name | capitalize %>", values: { name: "😀 x" }, is: "😀 x" },
  { source: "[<%= it.name | trim %>]", values: { name: "  x " }, is: "[x]" },
  { source: "<%= it.name | truncate(5) %>", values: { name: "12345" }, is: "12345" },
  { source: "<%= it.name | truncate(5) %>", values: { name: "123456" }, is: "1234…" },
  { source: "<%= it.name | truncate(3) %>", values: { name: "😀😀😀😀" }, is: "😀😀…" },
  { source: "<%= it.name | url %>", values: { name: "a b/ü'?" }, is: "a%20b%2F%C3%BC%27%3F" },
  { source: "<%= it.tags | join %>", values: list, is: "a, b, c" },
  { source: "<%= it.tags | join(' & ') %>", values: list, is: "a & b & c" },
  { source: "<%= it.tags | first %><%= it.tags | last %>", values: list, is: "ac" },
  { source: "<%= it.tags | count %> <%= it.tags.length %>", values: list, is: "3 3" },
  { source: "<%= it.tags | json %>", values: list, is: '["a","b","c"]' },
  { source: "<%= it.at | json %>", values: noon, is: '"2026-11-25T12:30:00.000Z"' },
  {
    source: "<%= it.items | json %>",
    values: { items: [{ title: "x", price: { currency: "EUR", minor: 1 }, secret: 1 }] },
    is: '[{"title":"x","price":{"currency":"EUR","minor":1}}]',
  },
];

const fallbacks: readonly Case[] = [
  { source: "<%= it.name ?? 'friend' %>", is: "friend" },
  { source: "<%= it.name ?? 'friend' %>", values: { name: "" }, is: "friend" },
  { source: "<%= it.name ?? 'friend' %>", values: { name: null }, is: "friend" },
  { source: "<%= it.name ?? 'friend' %>", values: { name: "Ada" }, is: "Ada" },
  { source: "<%= it.name ?? it.other ?? 'friend' %>", values: { other: "Bo" }, is: "Bo" },
  { source: "<%= it.name | default('friend') | upper %>", is: "FRIEND" },
  // 0 is something.
  { source: "<%= it.count ?? 7 %>", values: { count: 0 }, is: "0" },
  ...Object.entries({
    name: ["upper", "lower", "capitalize", "trim", "truncate(3)", "url", "json"],
    count: ["number", "percent", "plural('a', 'b')", "times(2)", "json"],
    price: ["money", "times(2)", "json"],
    at: ["date", "time"],
    tags: ["join", "first", "last"],
  }).flatMap(([name, filters]) =>
    filters.map((filter): Case => ({ source: `[<%= it.${name} | ${filter} %>]`, is: "[]" })),
  ),
  { source: "<%= it.tags | count %>", is: "0" },
  { source: "<% for (const tag of it.tags) { %>x<% } %>none", is: "none" },
];

describe("a filter", () => {
  test.each([...[money, numbers, times, plurals, texts].flat(), ...fallbacks])(
    "$source of $values in $locale and $timeZone is $is",
    ({ is, ...given }) => {
      expect(render(given)).toBe(is);
    },
  );

  it("is in the tables above, whichever it is", () => {
    const shown = [money, numbers, times, plurals, texts, fallbacks].flat().map(({ source }) => source);
    const missing = Object.keys(FILTERS).filter(
      (name) => !shown.some((source) => new RegExp(`\\| ${name}\\b`).test(source)),
    );
    expect(missing).toEqual([]);
  });

  test.each([
    ["it.price | upper", "text before it, not a money"],
    ["it.name | money", "a money before it, not a string"],
    ["it.name | truncate", "a number of 1 to 10000 as its parameter"],
    ["it.name | truncate(0)", "a whole number of 1 to 10000"],
    ["it.count | number(11)", "a whole number of 0 to 10"],
    ["it.at | date('tiny')", 'one of "short", "medium", "long", "full"'],
    ["it.count | plural('a')", "two to six forms"],
    ["it.count | plural('a', 'b', 'c', 'd', 'e', 'f', 'g')", "two to six forms"],
    ["it.items | join", "a list of texts before it"],
    ["it.name | count", "a list before it"],
    ["it.name | first", "a list before it"],
    ["it.name | times(2)", "money or a number before it"],
    ["it.count | times('x')", "one number as its parameter"],
    ["it.name | default", "one parameter"],
    ["it.name ?? 5", "a value like the one before ??"],
    ["it.name | shout", "one of the filters money, number"],
    ["it.name | constructor", "a name of a variable; this one leads out of the data"],
    ["it.size === 'medium'", 'one of "small", "large"'],
    ["it.price < 5", "two numbers or times of one kind, as in it.total.minor"],
  ])("refuses %s, saying what it takes: %s", (source, expected) => {
    const refused = () => render({ source: `<%= ${source} %>` });
    expect(refused).toThrow(InvalidInput);
    expect(refused).toThrow(/line 1, column \d+: found .*; expected .*/);
    expect(refused).toThrow(expected);
  });
});
