import { toBinary } from "@bufbuild/protobuf";
import { z } from "zod";
import { type TemplateContent, TemplateContentSchema } from "../../gen/intervention/v1/template_pb.js";
import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { checkVariables } from "../domain/template/index.ts";
import { type Check, checked, locale, orEmpty, parseFields, show, text } from "./field-checks.ts";
import { presentationSchema } from "./parse-trigger.ts";

const KIB = 1_024;
const CONTENT_BYTES_MAX = KIB * KIB;
const PIECES_MAX = 50;
const VARIANTS_MAX = 50;
const ACTIONS_MAX = 8;
const DATA_MAX = 20;
const PIECE_NAME = /^[a-z0-9_-]{1,40}$/;

const source = (max = 64 * KIB) => checked(text({ max }));
const upTo = <T>(max: number): Check<T[]> => {
  return (all) => (all.length > max ? `there are ${all.length}; up to ${max} are allowed` : undefined);
};
const listOf = <T extends z.ZodType>(element: T, max: number) =>
  checked<z.input<T>[]>(upTo(max)).pipe(z.array(element));

const actions = listOf(z.object({ id: checked(text({ max: 64 })), label: source(), url: source() }), ACTIONS_MAX);
const data = checked<Record<string, string>>((all) => {
  const names = Object.keys(all);
  if (names.length > DATA_MAX) return `there are ${names.length}; up to ${DATA_MAX} are allowed`;
  const bad = names.find((name) => name === "" || name.length > 64 || !name.isWellFormed());
  return bad === undefined ? undefined : `${show(bad)} does not have 1 to 64 characters`;
}).pipe(z.record(z.string(), source()));

const variant = z.object({
  locale: checked(orEmpty(locale)),
  email: z.object({ subject: source(), mjml: source(128 * KIB), html: source(256 * KIB), text: source() }).optional(),
  sms: z.object({ text: source(4_000) }).optional(),
  push: z.object({ title: source(), body: source(), url: source(), imageUrl: source(), actions, data }).optional(),
  realtime: z
    .object({
      ...{ title: source(), body: source(), imageUrl: source(), actions, data },
      presentation: presentationSchema.optional().superRefine((presentation, context) => {
        if (presentation !== undefined && presentation.viewId !== "")
          context.addIssue({ code: "custom", path: ["viewId"], message: "it is of one page view, and no template's" });
      }),
    })
    .optional(),
});

const pieceName: Check<string> = (name) =>
  PIECE_NAME.test(name) ? undefined : `${show(name)} is not 1 to 40 of a-z, 0-9, _ and -`;
const contentSchema = z.object({
  defaultLocale: checked(orEmpty(locale)),
  pieces: listOf(z.object({ name: checked(pieceName), source: source() }), PIECES_MAX).superRefine((pieces, context) =>
    refuseTwice(
      pieces.map(({ name }) => name),
      "name",
      context,
    ),
  ),
  variants: listOf(variant, VARIANTS_MAX).superRefine((variants, context) =>
    refuseTwice(
      variants.map((one) => one.locale.toLowerCase()),
      "locale",
      context,
    ),
  ),
});

function refuseTwice(names: readonly string[], field: string, context: z.RefinementCtx): void {
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index)
      context.addIssue({ code: "custom", path: [index, field], message: `${show(name)} is there twice` });
}

/** Checks the size and form of a draft, which may be unfinished.
 *  @throws InvalidInput */
export function checkDraft(draft: TemplateContent): void {
  const bytes = toBinary(TemplateContentSchema, draft).length;
  if (bytes > CONTENT_BYTES_MAX) {
    const description = `it takes ${bytes} bytes; up to ${CONTENT_BYTES_MAX} are allowed`;
    throw new InvalidInput([{ field: "draft", description }]);
  }
  parseFields(z.object({ draft: contentSchema }), { draft });
}

/** Checks that a draft has all that a version needs, but for what its sources say.
 *  @throws InvalidInput */
export function checkFinished(draft: TemplateContent): void {
  const violations = [...checkVariables(draft.variables, "draft.variables"), ...findUnfinished(draft)];
  if (violations.length > 0) throw new InvalidInput(violations);
}

function findUnfinished({ pieces, variants }: TemplateContent): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const say = (field: string, description: string) => void violations.push({ field, description });
  const need = (value: string, field: string) => {
    if (value.trim() === "") say(field, "it is empty");
  };
  if (variants.length === 0 && pieces.length === 0) say("draft.variants", "there are none, and no pieces for others");
  if (variants.length > 0 && !variants.some((one) => one.locale === ""))
    say("draft.variants", "none of them is the default: one needs an empty locale");
  for (const [index, { email, sms, push, realtime }] of variants.entries()) {
    const at = `draft.variants[${index}]`;
    if ([email, sms, push, realtime].every((part) => part === undefined)) say(at, "it has no part for any channel");
    if (email !== undefined) {
      need(email.subject, `${at}.email.subject`);
      if ((email.mjml === "") === (email.html === "")) say(`${at}.email`, "it needs mjml or html, and not both");
    }
    if (sms !== undefined) need(sms.text, `${at}.sms.text`);
    for (const [part, name] of [
      [push, "push"],
      [realtime, "realtime"],
    ] as const) {
      if (part === undefined) continue;
      need(part.title, `${at}.${name}.title`);
      const ids = part.actions.map(({ id }) => id);
      for (const [place, action] of part.actions.entries()) {
        const field = `${at}.${name}.actions[${place}]`;
        if (action.id === "" || ids.indexOf(action.id) < place)
          say(`${field}.id`, `${show(action.id)} is empty or there twice`);
        need(action.label, `${field}.label`);
      }
    }
  }
  return violations;
}
