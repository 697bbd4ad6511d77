import type { z } from "zod";
import type { Presentation } from "../../../gen/intervention/v1/intervention_pb.js";
import type {
  RealtimeTemplate,
  TemplateAction,
  TemplateContent,
  TemplateVariable,
  TemplateVariant,
} from "../../../gen/intervention/v1/template_pb.js";
import type { Target } from "./compile-nodes.ts";
import { type CompiledSource, compileSource } from "./compile-source.ts";
import { expand, type Pieces } from "./expand.ts";
import { Problems } from "./template-problem.ts";
import { toObjectSchema } from "./value-schema.ts";
import { toFields } from "./variable-type.ts";

type Sources<Name extends string> = { readonly [Key in Name]: CompiledSource };
type Action = { readonly id: string; readonly label: CompiledSource; readonly url: CompiledSource };
type Data = readonly (readonly [string, CompiledSource])[];

/** One language of a template, ready to be rendered. */
export type CompiledVariant = {
  readonly locale: string;
  readonly email?: Sources<"subject" | "html"> & { readonly text: CompiledSource | undefined };
  readonly sms?: Sources<"text">;
  readonly push?: Sources<"title" | "body" | "url" | "imageUrl"> & {
    readonly actions: readonly Action[];
    readonly data: Data;
  };
  readonly realtime?: Sources<"title" | "body" | "imageUrl"> & {
    readonly actions: readonly Action[];
    readonly data: Data;
    readonly presentation: Presentation | undefined;
  };
};

/** A published version, compiled: make it once and render it often. */
export type PublishedTemplate = {
  readonly variables: readonly TemplateVariable[];
  /** Makes of given values what templates read. */
  readonly schema: z.ZodObject;
  /** By locale; "" is the default. */
  readonly variants: ReadonlyMap<string, CompiledVariant>;
  /** The language of the default; "" when that is not said. */
  readonly defaultLocale: string;
};

/** Compiles a content, in which every email is HTML; one that is MJML is checked but for what MJML itself knows.
 *  @param shared pieces of other templates, by `{template}/{piece}`.
 *  @param path of the content in the request, for the errors.
 *  @throws InvalidInput naming everything that is wrong, by field, line and column. */
export function compileTemplate(
  { variables, pieces: own, variants, defaultLocale }: TemplateContent,
  { path = "content", shared = new Map() }: { readonly path?: string; readonly shared?: Pieces } = {},
): PublishedTemplate {
  const problems = new Problems();
  const pieces = toPieces(own, path, shared);
  const types = toFields(variables);
  const compile = (source: string, field: string, target: Target) =>
    compileSource(source, { field: `${path}.${field}`, target, variables: types, pieces, problems });
  const compiled = variants.map((variant, index) => {
    if (variant.email?.mjml) checkTags(variant.email.mjml, `${path}.variants[${index}].email.mjml`);
    return compileVariant(variant, (source, field, target) => compile(source, `variants[${index}].${field}`, target));
  });
  // A piece that nobody includes yet is looked at too; what it names is known only where it is included.
  for (const name of own.map((piece) => piece.name)) {
    const piece = pieces.get(name);
    if (piece !== undefined) expand(piece.source, piece.field, pieces, problems);
  }
  problems.throwIfAny();
  return {
    variables,
    schema: toObjectSchema(variables),
    variants: new Map(compiled.map((variant) => [variant.locale, variant])),
    defaultLocale,
  };

  function checkTags(mjml: string, field: string): void {
    compileSource(mjml, { field, target: "text", variables: types, pieces, problems: new HtmlInText(problems) });
  }
}

/** In MJML, trusted HTML may stand wherever text may; whether it does is known when it is HTML. */
class HtmlInText extends Problems {
  readonly #problems: Problems;
  constructor(problems: Problems) {
    super();
    this.#problems = problems;
  }
  override add(...problem: Parameters<Problems["add"]>): void {
    if (!problem[1].startsWith("HTML in a text")) this.#problems.add(...problem);
  }
}

export function toPieces(
  own: readonly { readonly name: string; readonly source: string }[],
  path: string,
  shared: Pieces,
): Pieces {
  return new Map([
    ...shared,
    ...own.map(({ name, source }, index) => [name, { source, field: `${path}.pieces[${index}].source` }] as const),
  ]);
}

type Compile = (source: string, field: string, target: Target) => CompiledSource;

function compileVariant({ locale, email, sms, push, realtime }: TemplateVariant, compile: Compile): CompiledVariant {
  return {
    locale,
    ...(email && {
      email: {
        subject: compile(email.subject, "email.subject", "line"),
        html: compile(email.html, "email.html", "html"),
        text: email.text === "" ? undefined : compile(email.text, "email.text", "text"),
      },
    }),
    ...(sms && { sms: { text: compile(sms.text, "sms.text", "text") } }),
    ...(push && {
      push: { ...compileShown(push, "push", compile), url: compile(push.url, "push.url", "url") },
    }),
    ...(realtime && {
      realtime: { ...compileShown(realtime, "realtime", compile), presentation: realtime.presentation },
    }),
  };
}

type Shown = Pick<RealtimeTemplate, "title" | "body" | "imageUrl" | "data"> & {
  readonly actions: readonly TemplateAction[];
};

function compileShown({ title, body, imageUrl, actions, data }: Shown, field: string, compile: Compile) {
  return {
    title: compile(title, `${field}.title`, "line"),
    body: compile(body, `${field}.body`, "text"),
    imageUrl: compile(imageUrl, `${field}.image_url`, "url"),
    actions: actions.map(({ id, label, url }, index) => ({
      id,
      label: compile(label, `${field}.actions[${index}].label`, "line"),
      url: compile(url, `${field}.actions[${index}].url`, "url"),
    })),
    data: Object.entries(data).map(
      ([name, source]) => [name, compile(source, `${field}.data["${name}"]`, "text")] as const,
    ),
  };
}
