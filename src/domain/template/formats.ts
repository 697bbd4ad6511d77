import type { MoneyValue } from "./variable-type.ts";

/** Formatters take tens of microseconds to make. Bounded, because authors and users choose what they are made with. */
class Kept<T> {
  readonly #kept = new Map<string, T>();

  get(key: string, make: () => T): T {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    const made = make();
    this.#kept.set(key, made);
    return made;
  }
}

const KEPT_MAX = 500;
const numbers = new Kept<Intl.NumberFormat>();
const currencies = new Kept<{ readonly format: Intl.NumberFormat; readonly minorPerUnit: number }>();
const times = new Kept<Intl.DateTimeFormat>();
const plurals = new Kept<Intl.PluralRules>();

type Style = "short" | "medium" | "long" | "full";
const isStyle = (style: string): style is Style => ["short", "medium", "long", "full"].includes(style);
const toStyle = (style: string): Style => (isStyle(style) ? style : "medium");

/** Which form is meant, by how many there are: as languages with so many forms count them. */
const ORDERS: Readonly<Record<number, readonly Intl.LDMLPluralRule[]>> = {
  2: ["one", "other"],
  3: ["one", "few", "other"],
  4: ["one", "few", "many", "other"],
  5: ["one", "two", "few", "many", "other"],
  6: ["zero", "one", "two", "few", "many", "other"],
};

/** How many decimals a currency has costs more to ask than an amount to write. */
function toCurrency(locale: string, currency: string) {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  return { format, minorPerUnit: 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2) };
}

/** Numbers, money, times and plurals as a locale writes them. */
export const FORMATS = {
  number(locale: string, value: number, digits: number | undefined): string {
    const options = digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return numbers.get(`${locale} ${digits}`, () => new Intl.NumberFormat(locale, options)).format(value);
  },
  percent(locale: string, value: number, digits: number): string {
    const options = { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits } as const;
    return numbers.get(`${locale} % ${digits}`, () => new Intl.NumberFormat(locale, options)).format(value);
  },
  money(locale: string, { currency, minor }: MoneyValue): string {
    const { format, minorPerUnit } = currencies.get(`${locale} ${currency}`, () => toCurrency(locale, currency));
    return format.format(minor / minorPerUnit);
  },
  /** In the audience's own time zone. */
  time(
    { locale, timeZone }: { readonly locale: string; readonly timeZone: string },
    ms: number,
    { date, time }: { readonly date?: string; readonly time?: string },
  ): string {
    const options: Intl.DateTimeFormatOptions = {
      timeZone,
      ...(date === undefined ? {} : { dateStyle: toStyle(date) }),
      ...(time === undefined ? {} : { timeStyle: toStyle(time) }),
    };
    const key = `${locale} ${timeZone} ${date} ${time}`;
    return times.get(key, () => new Intl.DateTimeFormat(locale, options)).format(ms);
  },
  /** A form that the language has and the template doesn't is its last one. */
  plural(locale: string, count: number, forms: readonly string[]): string {
    const category = plurals.get(locale, () => new Intl.PluralRules(locale)).select(count);
    const index = ORDERS[forms.length]?.indexOf(category) ?? -1;
    return forms.at(index) ?? "";
  },
};
