import { InvalidInput } from "../errors.ts";
import { FORMATS } from "./formats.ts";
import { findHtmlProblem, TEXT } from "./html-state.ts";
import { isHttpUrl } from "./value-schema.ts";
import type { MoneyValue, Type } from "./variable-type.ts";

/** For whom a template is rendered. */
export type Audience = {
  /** BCP 47; how numbers and dates are written. */
  readonly locale: string;
  /** IANA; the one dates are told in. */
  readonly timeZone: string;
};

/** What one part may take: it is stopped when it would take more. */
const BOUNDS = {
  /** Parts of the template gone through. */
  steps: 100_000,
  /** Characters written. */
  characters: 524_288,
} as const;

type Maybe<T> = T | undefined;

/** One run of a template: its filters and escapes, and how much it has taken. */
export class Rendering {
  readonly #audience: Audience;
  #steps = 0;
  #characters = 0;

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  /** One turn of a loop. @throws InvalidInput when it is one too many. */
  step(nodes: number, characters: number): void {
    this.#steps += nodes + 1;
    this.#characters += characters;
    if (this.#steps > BOUNDS.steps) throw tooMuch(`it takes more than ${BOUNDS.steps} steps`);
    if (this.#characters > BOUNDS.characters) throw tooMuch(`it writes more than ${BOUNDS.characters} characters`);
  }

  #count(text: string): string {
    this.#characters += text.length;
    if (this.#characters > BOUNDS.characters) throw tooMuch(`it writes more than ${BOUNDS.characters} characters`);
    return text;
  }

  // How values are written.

  text(value: Maybe<string>): string {
    return value === undefined ? "" : this.#count(value);
  }
  line(value: Maybe<string>): string {
    return value === undefined ? "" : this.#count(toLine(value));
  }
  html(value: Maybe<string>): string {
    return value === undefined ? "" : this.#count(escapeHtml(value));
  }
  /** What is missing leads nowhere: as an empty text it would leave it to what follows where it leads. */
  htmlUrl(value: Maybe<string>): string {
    return this.#count(escapeHtml(value === undefined ? NOWHERE : toUrl(value)));
  }
  htmlComponent(value: Maybe<string>): string {
    return value === undefined ? "" : this.#count(escapeHtml(encode(value)));
  }
  htmlEncoded(value: Maybe<string>): string {
    return this.html(value);
  }
  plainUrl(value: Maybe<string>): string {
    return value === undefined ? "" : this.#count(toUrl(value));
  }
  plainComponent(value: Maybe<string>): string {
    return value === undefined ? "" : this.#count(encode(value));
  }
  plainEncoded(value: Maybe<string>): string {
    return this.text(value);
  }
  raw(value: Maybe<string>): string {
    if (value === undefined) return "";
    // It was looked at when it came in; what is written here is written for good.
    if (value.includes("<") && findHtmlProblem(value) !== undefined) throw tooMuch("html that is not fit", TEXT.kind);
    return this.#count(value);
  }
  plainNumber(value: Maybe<number>): Maybe<string> {
    return value === undefined ? undefined : String(value);
  }

  // What loops and conditions ask.

  list(value: Maybe<readonly unknown[]>): readonly unknown[] {
    return value ?? [];
  }
  has(value: Maybe<{ readonly length: number }>): boolean {
    return value !== undefined && value.length > 0;
  }
  loop(index: number, count: number) {
    return { index, number: index + 1, count, first: index === 0, last: index === count - 1 };
  }

  // Filters, by the names that templates call them: see FILTERS.

  money(value: Maybe<MoneyValue>): Maybe<string> {
    return value === undefined ? undefined : FORMATS.money(this.#audience.locale, value);
  }
  number(value: Maybe<number>, digits?: number): Maybe<string> {
    return value === undefined ? undefined : FORMATS.number(this.#audience.locale, value, digits);
  }
  percent(value: Maybe<number>, digits = 0): Maybe<string> {
    return value === undefined ? undefined : FORMATS.percent(this.#audience.locale, value, digits);
  }
  date(value: Maybe<number>, style = "medium"): Maybe<string> {
    return value === undefined ? undefined : FORMATS.time(this.#audience, value, { date: style });
  }
  time(value: Maybe<number>, style = "short"): Maybe<string> {
    return value === undefined ? undefined : FORMATS.time(this.#audience, value, { time: style });
  }
  upper(value: Maybe<string>): Maybe<string> {
    return value?.toLocaleUpperCase(this.#audience.locale);
  }
  lower(value: Maybe<string>): Maybe<string> {
    return value?.toLocaleLowerCase(this.#audience.locale);
  }
  capitalize(value: Maybe<string>): Maybe<string> {
    if (value === undefined) return undefined;
    const [first = "", ...rest] = value;
    return first.toLocaleUpperCase(this.#audience.locale) + rest.join("");
  }
  trim(value: Maybe<string>): Maybe<string> {
    return value?.trim();
  }
  truncate(value: Maybe<string>, characters: number): Maybe<string> {
    if (value === undefined || value.length <= characters) return value;
    const all = [...value];
    return all.length <= characters
      ? value
      : `${all
          .slice(0, characters - 1)
          .join("")
          .trimEnd()}…`;
  }
  url(value: Maybe<string>): Maybe<string> {
    return value === undefined ? undefined : encode(value);
  }
  count(value: Maybe<readonly unknown[]>): number {
    return value?.length ?? 0;
  }
  default<T>(value: Maybe<T>, fallback: T): T {
    return value === undefined || value === "" ? fallback : value;
  }
  plural(value: Maybe<number>, ...forms: readonly string[]): Maybe<string> {
    return value === undefined ? undefined : FORMATS.plural(this.#audience.locale, value, forms);
  }
  join(value: Maybe<readonly string[]>, between = ", "): Maybe<string> {
    return value?.join(between);
  }
  first<T>(value: Maybe<readonly T[]>): Maybe<T> {
    return value?.[0];
  }
  last<T>(value: Maybe<readonly T[]>): Maybe<T> {
    return value?.at(-1);
  }
  times(value: Maybe<MoneyValue | number>, factor: Maybe<number>): Maybe<MoneyValue | number> {
    if (value === undefined || factor === undefined) return undefined;
    // Half a minor unit goes away from zero, as `Math.round` does for what is positive.
    return typeof value === "number" ? value * factor : { ...value, minor: Math.round(value.minor * factor) };
  }
  json(value: unknown, type: Type): Maybe<string> {
    return value === undefined ? undefined : JSON.stringify(toPlain(value, type));
  }
}

const tooMuch = (description: string, field = "template") => new InvalidInput([{ field, description }]);

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (value: string) =>
  /[&<>"']/.test(value) ? value.replaceAll(/[&<>"']/g, (one) => ENTITIES[one] ?? one) : value;

/** On one line: breaks and other control characters, also those by which text changes its direction, become blanks. */
export const toLine = (value: string) => value.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, " ");

const encode = (value: string) => encodeURIComponent(value.toWellFormed()).replaceAll("'", "%27");

/** A URL that leads nowhere stands for what is none. */
const toUrl = (value: string) => (isHttpUrl(value) ? value : NOWHERE);
const NOWHERE = "about:invalid";

/** As JSON had it. */
function toPlain(value: unknown, type: Type): unknown {
  if (value === undefined) return undefined;
  if (type.kind === "time" && typeof value === "number") return new Date(value).toISOString();
  if (type.kind === "list" && Array.isArray(value)) return value.map((one: unknown) => toPlain(one, type.element));
  if (type.kind !== "object" || typeof value !== "object" || value === null) return value;
  return Object.fromEntries([...type.fields].map(([name, field]) => [name, toPlain(Reflect.get(value, name), field)]));
}
