import { readFileSync } from "node:fs";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { z } from "zod";
import { type Presentation, PresentationSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { type TemplateVariable, TemplateVariableSchema } from "../../gen/intervention/v1/template_pb.js";

/** In the order they are shown. */
const SUITE_IDS = [
  ...["cart-abandonment", "back-in-stock", "price-drop", "welcome", "win-back", "one-time-code"],
] as const;
/** The languages that every suite speaks. */
export const LOCALES = ["en", "de", "fr", "es", "it"] as const;
/** Pieces that all suites share, of the template `shop-layout`. */
const SHARED_PIECES = ["layout", "products", "product", "code", "end"] as const;

export type SuiteLocale = (typeof LOCALES)[number];
/** What one language says, by what it is for; sources of templates. */
export type SuiteTexts = Readonly<Record<string, string>>;

/** A ready template as its files have it. */
export type Suite = {
  readonly suiteId: string;
  readonly displayName: string;
  readonly description: string;
  readonly purpose: Purpose;
  readonly presentation: Presentation;
  /** Where a tap on it leads; "": nowhere. A source, as `image` is. */
  readonly target: string;
  readonly image: string;
  readonly variables: readonly TemplateVariable[];
  /** Values for all variables that are not the shop's. */
  readonly example: JsonObject;
  readonly email: string;
  readonly texts: ReadonlyMap<SuiteLocale, SuiteTexts>;
};

/** Everything there is to install. */
export type Suites = {
  readonly suites: readonly Suite[];
  /** MJML by the piece's name. */
  readonly sharedPieces: Readonly<Record<string, string>>;
};

const jsonObject = z.record(z.string(), z.json());
const textsSchema = z.record(z.string(), z.string().min(1));
const suiteSchema = z.strictObject({
  displayName: z.string().min(1),
  description: z.string().min(1),
  purpose: z.enum(["PURPOSE_MARKETING", "PURPOSE_SERVICE"]),
  presentation: jsonObject,
  target: z.string().default(""),
  image: z.string().default(""),
  variables: z.array(jsonObject),
  example: jsonObject,
});

let loaded: Suites | undefined;

/** Reads the suites' files, once in a process.
 *  @throws when a file is not there or not as it must be: they are the engine's own. */
export function loadSuites(): Suites {
  loaded ??= readSuites(new URL("./suites/", import.meta.url));
  return loaded;
}

function readSuites(folder: URL): Suites {
  const read = (path: string) => readFileSync(new URL(path, folder), "utf8");
  const readJson = (path: string): unknown => JSON.parse(read(path));
  const shared = z.array(jsonObject).parse(readJson("shared/variables.json"));
  const product = jsonObject.parse(readJson("shared/product.json"));
  const readTexts = (place: string, locale: string) => textsSchema.parse(readJson(`${place}/texts/${locale}.json`));
  return {
    sharedPieces: Object.fromEntries(SHARED_PIECES.map((name) => [name, read(`shared/${name}.mjml`)])),
    suites: SUITE_IDS.map((suiteId) => {
      const { purpose, presentation, variables, ...rest } = suiteSchema.parse(readJson(`${suiteId}/suite.json`));
      const textsOf = (locale: SuiteLocale) => ({ ...readTexts("shared", locale), ...readTexts(suiteId, locale) });
      return {
        ...{ suiteId, ...rest, email: read(`${suiteId}/email.mjml`) },
        purpose: purpose === "PURPOSE_SERVICE" ? Purpose.SERVICE : Purpose.MARKETING,
        presentation: fromJson(PresentationSchema, presentation),
        variables: [...shared, ...variables].map((variable) => toVariable(variable, product)),
        texts: new Map(LOCALES.map((locale) => [locale, textsOf(locale)])),
      };
    }),
  };
}

/** A list's `element` may be the word `product`: what the catalogue has. */
function toVariable(variable: JsonObject, product: JsonObject): TemplateVariable {
  const { element } = variable;
  return fromJson(TemplateVariableSchema, element === "product" ? { ...variable, element: product } : variable);
}
