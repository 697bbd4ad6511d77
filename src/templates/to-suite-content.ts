import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import {
  type TemplateContent,
  TemplateContentSchema,
  type TemplateVariable,
  TemplateVariableSchema,
  type TemplateVariantSchema,
} from "../../gen/intervention/v1/template_pb.js";
import { LOCALES, type Suite, type SuiteLocale, type Suites, type SuiteTexts } from "./load-suites.ts";

/** What a shop is called and looks like in its messages. */
export type Brand = {
  readonly shopName: string;
  /** Absolute http or https. */
  readonly shopUrl: string;
  /** Where its cart is. */
  readonly cartUrl: string;
  /** "": the name stands for it. */
  readonly logoUrl: string;
  /** As the law of many countries wants it below a marketing email. May be empty. */
  readonly postalAddress: string;
  /** Of buttons: `#rrggbb`. */
  readonly color: string;
  /** What a user reads whose language no suite speaks. */
  readonly defaultLocale: SuiteLocale;
};

/** The template in whose pieces every suite's email lies. */
export const LAYOUT_ID = "shop-layout";

/** The pieces that all suites share, in the shop's colour. */
export function toLayoutContent({ sharedPieces }: Suites, { color }: Brand): TemplateContent {
  const paint = (mjml: string) => mjml.replaceAll("$accent", color).replaceAll("$on-accent", toReadableOn(color));
  return create(TemplateContentSchema, {
    pieces: Object.entries(sharedPieces).map(([name, source]) => ({ name, source: paint(source) })),
  });
}

/** A suite as the content of a template, with a variant a language. */
export function toSuiteContent(suite: Suite, brand: Brand): TemplateContent {
  return create(TemplateContentSchema, {
    variables: suite.variables.map((variable) => withDefault(variable, brand)),
    pieces: [{ name: "email", source: suite.email }],
    variants: LOCALES.map((locale) => toVariant(suite, locale, brand.defaultLocale)),
    defaultLocale: brand.defaultLocale,
  });
}

/** The shop's own variables, by their names. */
function toOwnValues({ shopName, shopUrl, cartUrl, logoUrl, postalAddress }: Brand): ReadonlyMap<string, string> {
  return new Map([
    ...([
      ["shop_name", shopName],
      ["shop_url", shopUrl],
      ["cart_url", cartUrl],
    ] as const),
    ...([
      ["logo_url", logoUrl],
      ["postal_address", postalAddress],
    ] as const),
  ]);
}

/** The shop's own values are defaults, so that a campaign can say something else. A product without a page leads to the shop. */
function withDefault(variable: TemplateVariable, brand: Brand): TemplateVariable {
  const value = variable.name === "link" ? brand.shopUrl : (toOwnValues(brand).get(variable.name) ?? "");
  if (value === "") return variable;
  const defaultValue = create(ValueSchema, { kind: { case: "stringValue", value } });
  return create(TemplateVariableSchema, { ...variable, defaultValue });
}

/** What a language says that is no block of the email. */
const NO_BLOCKS = new Set(["subject", "sms", "title", "body", "stop"]);

function toVariant(
  { purpose, presentation, target, image, texts }: Suite,
  locale: SuiteLocale,
  defaultLocale: SuiteLocale,
): MessageInitShape<typeof TemplateVariantSchema> {
  const said = texts.get(locale) ?? {};
  const text = (name: string) => said[name] ?? "";
  const shown = {
    ...{ title: text("title"), body: text("body"), imageUrl: image },
    actions: target === "" ? [] : [{ id: "open", label: text("button"), url: target }],
  };
  return {
    locale: locale === defaultLocale ? "" : locale,
    email: { subject: text("subject"), mjml: toEmail(said, locale) },
    sms: { text: purpose === Purpose.SERVICE ? text("sms") : `${text("sms")} ${text("stop")}` },
    push: { ...shown, url: target },
    realtime: { ...shown, presentation },
  };
}

function toEmail(said: SuiteTexts, locale: SuiteLocale): string {
  const blocks = Object.entries({ lang: locale, ...said }).filter(([name]) => !NO_BLOCKS.has(name));
  const lines = blocks.map(([name, text]) => `<% block("${name}", () => { %>${text}<% }) %>`);
  return ['<% layout("email") %>', ...lines, ""].join("\n");
}

const WHITE = "#ffffff";
const BLACK = "#000000";

/** The one of white and black that is read better on a colour, by its contrast (WCAG 2.2, 1.4.3): 4.5 to 1 at the least, whatever the
 *  colour. */
function toReadableOn(color: string): string {
  const luminance = toLuminance(color);
  const onWhite = 1.05 / (luminance + 0.05);
  const onBlack = (luminance + 0.05) / 0.05;
  return onWhite >= onBlack ? WHITE : BLACK;
}

/** Relative luminance by WCAG 2.2, 0 to 1. */
function toLuminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
