import { clone, create } from "@bufbuild/protobuf";
import { compile as compileHtmlToText } from "html-to-text";
import { type Content, ContentSchema, PresentationSchema } from "../../../gen/intervention/v1/intervention_pb.js";
import { InvalidInput } from "../errors.ts";
import { chooseLocale } from "./choose-locale.ts";
import type { CompiledSource } from "./compile-source.ts";
import type { CompiledVariant, PublishedTemplate } from "./compile-template.ts";
import { type Audience, Rendering, toLine } from "./rendering.ts";
import { countSmsSegments, type SmsSegments } from "./sms-segments.ts";
import { isHttpUrl } from "./value-schema.ts";

/** What a push notification lets its user do. */
export type RenderedAction = { readonly id: string; readonly label: string; readonly url: string };

/** What a template came to for one user. */
export type Rendered = {
  /** Of the variant that was taken; "" is the default. */
  readonly locale: string;
  readonly email?: { readonly subject: string; readonly html: string; readonly text: string };
  readonly sms?: { readonly text: string } & SmsSegments;
  readonly push?: {
    readonly title: string;
    readonly body: string;
    readonly url: string;
    readonly imageUrl: string;
    readonly actions: readonly RenderedAction[];
    readonly data: Readonly<Record<string, string>>;
  };
  /** As it goes to a socket or the inbox. */
  readonly realtime?: Content;
  /** What its author should know. */
  readonly warnings: readonly string[];
};

const LENGTH_MAX = { line: 200, pushBody: 1_000, body: 4_000, data: 4_000, smsSegments: 10 };
const HTML_BYTES_MAX = 512 * 1_024;
/** Gmail shows no more of a message: https://support.google.com/mail/thread/ tells of 102 KB, and senders' guides agree. */
const GMAIL_BYTES = 102 * 1_024;

const toPlainText = compileHtmlToText({
  wordwrap: false,
  selectors: [
    { selector: "a", options: { hideLinkHrefIfSameAsText: true, linkBrackets: ["(", ")"] } },
    { selector: "img", format: "skip" },
    // The preview that mail programs show in lists: it says again what the subject and the first lines do.
    { selector: "h1", options: { uppercase: false } },
    { selector: "h2", options: { uppercase: false } },
    { selector: "h3", options: { uppercase: false } },
  ],
});

/** Renders every part that a template has for the language of its user, or those asked for.
 *  @param options.variables their JSON, by name; what is not declared is not looked at.
 *  @throws InvalidInput when a variable is missing or is not what it must be, or a part comes to more than it may: nothing of it
 *  may be sent then. */
export function renderTemplate(
  { schema, variants, defaultLocale }: PublishedTemplate,
  options: Audience & {
    readonly variables: Readonly<Record<string, unknown>>;
    /** Default: all. */
    readonly parts?: ReadonlySet<"email" | "sms" | "push" | "realtime">;
  },
): Rendered {
  const values = toValues(schema, options.variables);
  const chosen = chooseLocale(options.locale, new Set(variants.keys()));
  const variant = variants.get(chosen);
  if (variant === undefined)
    throw new InvalidInput([{ field: "locale", description: "the template has no default variant" }]);
  const audience = { locale: toWritten(options.locale, chosen, defaultLocale), timeZone: options.timeZone };
  return new Renderer(audience, values, options.parts).render(variant);
}

/** By which locale numbers and dates are written: the user's own where the text is in that language, else that of the text. */
function toWritten(wanted: string, chosen: string, defaultLocale: string): string {
  const ofText = chosen || defaultLocale;
  if (ofText === "") return wanted || "en";
  return toLanguage(wanted) === toLanguage(ofText) ? wanted : ofText;
}

const toLanguage = (locale: string) => locale.toLowerCase().split("-", 1)[0];

function toValues(schema: PublishedTemplate["schema"], variables: Readonly<Record<string, unknown>>) {
  const parsed = schema.safeParse(variables);
  if (parsed.success) return parsed.data;
  throw new InvalidInput(
    parsed.error.issues.map(({ path, message }) => ({
      field: ["variables", ...path].map(String).join("."),
      description: message,
    })),
  );
}

class Renderer {
  readonly #audience: Audience;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #parts: ReadonlySet<string> | undefined;
  readonly #warnings: string[] = [];

  constructor(audience: Audience, values: Readonly<Record<string, unknown>>, parts: ReadonlySet<string> | undefined) {
    this.#audience = audience;
    this.#values = values;
    this.#parts = parts;
  }

  render({ locale, email, sms, push, realtime }: CompiledVariant): Rendered {
    const wants = (part: string) => this.#parts?.has(part) ?? true;
    return {
      locale,
      ...(email && wants("email") && { email: this.#email(email) }),
      ...(sms && wants("sms") && { sms: this.#sms(sms) }),
      ...(push && wants("push") && { push: this.#push(push) }),
      ...(realtime && wants("realtime") && { realtime: this.#realtime(realtime) }),
      warnings: this.#warnings,
    };
  }

  #email({ subject, html, text }: NonNullable<CompiledVariant["email"]>) {
    const body = this.#run(html, "email.html");
    const bytes = new TextEncoder().encode(body).length;
    if (bytes > HTML_BYTES_MAX) throw tooLong("email.html", `${bytes} bytes`, `${HTML_BYTES_MAX}`);
    if (bytes > GMAIL_BYTES)
      this.#warnings.push(`the email has ${Math.ceil(bytes / 1_024)} KiB of HTML: Gmail cuts what is beyond 102 KiB`);
    return {
      subject: this.#line(subject, "email.subject"),
      html: body,
      text: text === undefined ? toPlainText(body) : this.#run(text, "email.text"),
    };
  }

  #sms(sms: NonNullable<CompiledVariant["sms"]>) {
    // Money and dates have blanks that don't break, which are not in the alphabet of SMS and would halve a segment.
    const text = this.#run(sms.text, "sms.text")
      .replaceAll(/[\u00a0\u2009\u202f]/g, " ")
      .trim();
    const counted = countSmsSegments(text);
    if (text === "") throw new InvalidInput([{ field: "sms.text", description: "it comes to nothing" }]);
    if (counted.segments > LENGTH_MAX.smsSegments)
      throw tooLong("sms.text", `${counted.segments} segments`, `${LENGTH_MAX.smsSegments}`);
    if (counted.encoding === "ucs_2")
      this.#warnings.push(`the SMS is UCS-2, with 70 characters a segment, because of ${counted.notInGsm7.join(" ")}`);
    return { text, ...counted };
  }

  #push(push: NonNullable<CompiledVariant["push"]>) {
    const shown = this.#shown(push, "push", LENGTH_MAX.pushBody);
    return { ...shown, url: this.#url(push.url, "push.url") };
  }

  #realtime(realtime: NonNullable<CompiledVariant["realtime"]>): Content {
    const { data, ...shown } = this.#shown(realtime, "realtime", LENGTH_MAX.body);
    const { presentation } = realtime;
    return create(ContentSchema, {
      ...shown,
      ...(Object.keys(data).length === 0 ? {} : { data }),
      ...(presentation && { presentation: clone(PresentationSchema, presentation) }),
    });
  }

  #shown(
    { title, body, imageUrl, actions, data }: Omit<NonNullable<CompiledVariant["realtime"]>, "presentation">,
    field: string,
    bodyMax: number,
  ) {
    return {
      title: this.#line(title, `${field}.title`),
      body: this.#text(body, `${field}.body`, bodyMax).trim(),
      imageUrl: this.#url(imageUrl, `${field}.image_url`),
      actions: actions.map(({ id, label, url }, index) => ({
        id,
        label: this.#line(label, `${field}.actions[${index}].label`),
        url: this.#url(url, `${field}.actions[${index}].url`),
      })),
      data: Object.fromEntries(
        data.map(([name, source]) => [name, this.#text(source, `${field}.data["${name}"]`, LENGTH_MAX.data)]),
      ),
    };
  }

  #run(source: CompiledSource, field: string): string {
    try {
      return source(new Rendering(this.#audience), this.#values);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      throw new InvalidInput(error.violations.map(({ description }) => ({ field, description })));
    }
  }

  #text(source: CompiledSource, field: string, max: number): string {
    const text = this.#run(source, field);
    if (text.length > max && [...text].length > max) throw tooLong(field, `${[...text].length} characters`, `${max}`);
    return text;
  }

  #line(source: CompiledSource, field: string): string {
    const line = toLine(this.#text(source, field, LENGTH_MAX.line)).trim();
    if (line === "") throw new InvalidInput([{ field, description: "it comes to nothing" }]);
    return line;
  }

  #url(source: CompiledSource, field: string): string {
    const url = this.#run(source, field).trim();
    if (url === "" || isHttpUrl(url)) return url;
    throw new InvalidInput([{ field, description: "it does not come to an absolute http or https URL" }]);
  }
}

const tooLong = (field: string, what: string, max: string) =>
  new InvalidInput([{ field, description: `it comes to ${what}; up to ${max} are allowed` }]);
