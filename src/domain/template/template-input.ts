import { create } from "@bufbuild/protobuf";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { type TemplateInput, TemplateInputSchema } from "../../../gen/intervention/v1/template_input_pb.js";
import type { TemplateUse } from "../../../gen/intervention/v1/template_use_pb.js";
import { compileCondition } from "../condition/compile-condition.ts";
import { InvalidInput } from "../errors.ts";
import { chooseLocale } from "./choose-locale.ts";
import type { CompiledVariant, PublishedTemplate } from "./compile-template.ts";
import { fillVariables, type TemplateFacts } from "./fill-variables.ts";
import { renderTemplate } from "./render-template.ts";
import type { Audience } from "./rendering.ts";

/** What a decision knows of a template before it looks anything up: which channels it has a part for, in the user's language. */
export function outlineTemplate(
  use: TemplateUse,
  template: PublishedTemplate | undefined,
  { locale, timeZone }: Audience,
): TemplateInput {
  const common = { template: use.template, version: use.version, locale, timeZone };
  const variant = template?.variants.get(chooseLocale(locale, new Set(template.variants.keys())));
  if (variant === undefined)
    return create(TemplateInputSchema, { ...common, problem: "it is not there, or it is only pieces for others" });
  return create(TemplateInputSchema, { ...common, variant: variant.locale, channels: toChannels(variant) });
}

function toChannels({ email, sms, push, realtime }: CompiledVariant): Channel[] {
  return [
    ...(realtime === undefined ? [] : [Channel.REALTIME, Channel.INBOX, Channel.WEBHOOK]),
    ...(email === undefined ? [] : [Channel.EMAIL]),
    ...(sms === undefined ? [] : [Channel.SMS]),
    ...(push === undefined ? [] : [Channel.PUSH]),
  ];
}

/** What events say of it. */
export const toTemplateFields = ({ template, version, variant }: TemplateInput) => ({
  template: `${template}@${version}`,
  locale: variant,
});

/** The roots of the facts that a template's variables come from, but for those that are given. */
export function toRoots({ variables }: PublishedTemplate, { variables: given = {} }: TemplateUse): ReadonlySet<string> {
  return new Set(
    variables.flatMap(({ name, from, condition }) => {
      if (Object.hasOwn(given, name)) return [];
      if (condition !== undefined) return [...compileCondition(condition).roots];
      return from === "" ? [] : [from.split(".", 1)[0] ?? ""];
    }),
  );
}

const SHOWN: readonly Channel[] = [Channel.REALTIME, Channel.INBOX, Channel.WEBHOOK];
type Part = "realtime" | "sms";
const NONE: ReadonlySet<Part> = new Set();
const REALTIME: ReadonlySet<Part> = new Set(["realtime"]);
/** For what it costs. */
const SMS: ReadonlySet<Part> = new Set(["sms"]);

/** An outline with its variables, and with what they come to where a socket or the inbox shows it.
 *  @returns one with a problem when a variable is missing or wrong, or comes to more than it may. */
export function fillTemplate(
  outline: TemplateInput,
  template: PublishedTemplate,
  known: {
    readonly given: TemplateUse["variables"];
    readonly facts: TemplateFacts;
    readonly codes: ReadonlyMap<string, string>;
    /** The one that was decided for. */
    readonly channel: Channel;
  },
): TemplateInput {
  const { facts, codes, channel, given = {} } = known;
  const variables = fillVariables(template.variables, { given, facts, codes });
  const { locale, timeZone } = outline;
  const parts = SHOWN.includes(channel) ? REALTIME : channel === Channel.SMS ? SMS : NONE;
  try {
    const { realtime, sms } = renderTemplate(template, { variables, locale, timeZone, parts });
    return create(TemplateInputSchema, {
      ...outline,
      variables,
      ...(realtime && { content: realtime }),
      smsSegments: sms?.segments ?? 0,
    });
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return create(TemplateInputSchema, { ...outline, variables, problem: error.message });
  }
}
