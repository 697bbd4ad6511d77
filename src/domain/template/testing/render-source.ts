import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  TemplateContentSchema,
  type TemplatePieceSchema,
  type TemplateVariableSchema,
  VariableType,
} from "../../../../gen/intervention/v1/template_pb.js";
import { compileTemplate, type PublishedTemplate } from "../compile-template.ts";
import { renderTemplate } from "../render-template.ts";

type Variable = MessageInitShape<typeof TemplateVariableSchema>;

/** What a source is, and what it is rendered with. */
type Given = {
  /** By name; all of them optional. */
  readonly variables?: Readonly<Record<string, Variable>>;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly pieces?: readonly MessageInitShape<typeof TemplatePieceSchema>[];
  readonly locale?: string;
  readonly timeZone?: string;
};

/** Where in a template a source stands, which decides how it is escaped. */
const PLACES = {
  text: (source: string) => ({ email: { subject: "-", html: "-", text: source } }),
  html: (source: string) => ({ email: { subject: "-", html: source, text: "-" } }),
  line: (source: string) => ({ email: { subject: source, html: "-" } }),
  url: (source: string) => ({ push: { title: "-", url: source } }),
  sms: (source: string) => ({ sms: { text: source } }),
};

/** Compiles a source alone in its template.
 *  @throws InvalidInput */
export function compileAt(
  place: keyof typeof PLACES,
  source: string,
  { variables = {}, pieces = [] }: Pick<Given, "variables" | "pieces"> = {},
) {
  const declared = Object.entries(variables).map(([name, variable]) => ({ name, optional: true, ...variable }));
  const content = { variables: declared, pieces: [...pieces], variants: [PLACES[place](source)] };
  return compileTemplate(create(TemplateContentSchema, content));
}

/** What a source alone in its template comes to.
 *  @throws InvalidInput */
export function renderAt(place: keyof typeof PLACES, source: string, given: Given = {}): string {
  return renderCompiled(place, compileAt(place, source, given), given);
}

/** The same of one that is compiled.
 *  @throws InvalidInput */
export function renderCompiled(
  place: keyof typeof PLACES,
  template: PublishedTemplate,
  { values = {}, locale = "en", timeZone = "UTC" }: Pick<Given, "values" | "locale" | "timeZone">,
): string {
  const { email, push, sms } = renderTemplate(template, { variables: values, locale, timeZone });
  const parts = { text: email?.text, html: email?.html, line: email?.subject, url: push?.url, sms: sms?.text };
  return parts[place] ?? "";
}

/** Variables of each type, by the types' names. */
export const VARIABLES = {
  name: { type: VariableType.STRING },
  other: { type: VariableType.STRING },
  count: { type: VariableType.NUMBER },
  flag: { type: VariableType.BOOLEAN },
  price: { type: VariableType.MONEY },
  at: { type: VariableType.TIME },
  link: { type: VariableType.URL },
  banner: { type: VariableType.HTML },
  size: { type: VariableType.ENUM, values: ["small", "large"] },
  tags: { type: VariableType.LIST, lengthMax: 500, element: { type: VariableType.STRING } },
  items: {
    type: VariableType.LIST,
    lengthMax: 500,
    element: {
      type: VariableType.OBJECT,
      fields: [
        { name: "title", type: VariableType.STRING },
        { name: "price", type: VariableType.MONEY, optional: true },
        { name: "tags", type: VariableType.LIST, optional: true, element: { type: VariableType.STRING } },
      ],
    },
  },
} satisfies Record<string, Variable>;
