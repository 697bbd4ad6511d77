import { toJson } from "@bufbuild/protobuf";
import { type Presentation, PresentationSchema } from "../../../gen/intervention/v1/intervention_pb.js";
import {
  type TemplateAction,
  type TemplateContent,
  TemplateVariableSchema,
  type TemplateVariant,
} from "../../../gen/intervention/v1/template_pb.js";
import { diffLines, type LineDiff } from "./diff-lines.ts";

/** A source, or a setting as JSON, that is not the same in two contents. */
export type FieldDifference = { readonly field: string; readonly lines: readonly LineDiff[] };

/** What two contents differ in, field by field, in the order of the first and then of what only the second has. */
export function diffContents(from: TemplateContent, to: TemplateContent): FieldDifference[] {
  const [before, after] = [toTexts(from), toTexts(to)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((field) => ({ field, lines: diffLines(before.get(field) ?? "", after.get(field) ?? "") }))
    .filter(({ lines }) => lines.length > 0);
}

/** Every field with its text, by a path with names for numbers. */
function toTexts({ variables, pieces, variants, defaultLocale }: TemplateContent): Map<string, string> {
  return new Map([
    ["default_locale", defaultLocale],
    ...variables.map((variable): [string, string] => [
      `variables[${variable.name}]`,
      JSON.stringify(toJson(TemplateVariableSchema, variable), undefined, 2),
    ]),
    ...pieces.map(({ name, source }): [string, string] => [`pieces[${name}].source`, source]),
    ...variants.flatMap(toVariantTexts),
  ]);
}

function toVariantTexts({ locale, email, sms, push, realtime }: TemplateVariant): [string, string][] {
  const at = `variants[${locale}]`;
  return [
    ...toNamed(
      `${at}.email`,
      email && { subject: email.subject, mjml: email.mjml, html: email.html, text: email.text },
    ),
    ...toNamed(`${at}.sms`, sms && { text: sms.text }),
    ...toNamed(`${at}.push`, push && { title: push.title, body: push.body, url: push.url, ...toShown(push) }),
    ...toNamed(
      `${at}.realtime`,
      realtime && {
        ...{ title: realtime.title, body: realtime.body, ...toShown(realtime) },
        presentation: realtime.presentation === undefined ? "" : toJsonText(realtime.presentation),
      },
    ),
  ];
}

const toJsonText = (presentation: Presentation) => JSON.stringify(toJson(PresentationSchema, presentation));

const toNamed = (at: string, texts: Readonly<Record<string, string>> = {}) =>
  Object.entries(texts).map(([name, text]): [string, string] => [`${at}.${name}`, text]);

function toShown(part: {
  readonly imageUrl: string;
  readonly actions: readonly TemplateAction[];
  readonly data: Readonly<Record<string, string>>;
}): Record<string, string> {
  return {
    image_url: part.imageUrl,
    ...Object.fromEntries(
      part.actions.flatMap(({ id, label, url }) => [
        [`actions[${id}].label`, label],
        [`actions[${id}].url`, url],
      ]),
    ),
    ...Object.fromEntries(Object.entries(part.data).map(([name, text]) => [`data[${name}]`, text])),
  };
}
