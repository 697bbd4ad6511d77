import { expand, type Pieces, toSegments } from "./expand.ts";
import type { Segment } from "./lex.ts";
import { type Node, nest } from "./nest.ts";
import { type Problems, quote } from "./template-problem.ts";

/** Compiles MJML, or says what is wrong with it, by line. */
export type MjmlCompiler = (
  mjml: string,
) => Promise<
  { readonly html: string } | { readonly errors: readonly { readonly line: number; readonly message: string }[] }
>;

/** An email's HTML, with its tags in it. */
export type BuiltMjml = {
  /** Stands alone, and still knows where in the MJML each tag was. */
  readonly tree: readonly Node[];
  /** The same as a source. */
  readonly html: string;
};

/** Makes HTML of MJML with tags in it: each is a word while MJML looks at it. Where MJML has elements only, that word is raw.
 *  @returns undefined when it can't be, which is said then. */
export async function buildMjml(
  source: string,
  options: {
    readonly field: string;
    readonly pieces: Pieces;
    readonly problems: Problems;
    readonly compile: MjmlCompiler;
  },
): Promise<BuiltMjml | undefined> {
  const { field, pieces, problems } = options;
  const segments = toSegments(expand(source, field, pieces, problems));
  if (problems.all.length > 0) return undefined;
  const include = /<mj-include[\s/>]/i.exec(source);
  if (include !== null) {
    const line = source.slice(0, include.index).split("\n").length;
    problems.add({ field, line, column: 1 }, '"<mj-include"', 'a piece, as in <%~ include("footer") %>');
    return undefined;
  }
  const words = toWords(segments);
  const compiled = words.problem === undefined ? await options.compile(words.mjml) : { errors: [words.problem] };
  if ("errors" in compiled) {
    for (const { line, message } of compiled.errors)
      problems.add(
        { field, line, column: 1 },
        words.restore(message),
        "MJML that is right, see https://documentation.mjml.io",
      );
    return undefined;
  }
  const built = words.split(compiled.html);
  const missing = segments.find(
    (segment) => segment.kind === "tag" && !built.some((one) => one.kind === "tag" && one.place === segment.place),
  );
  if (missing?.kind === "tag")
    problems.add(
      missing.place,
      quote(missing.source),
      "it in a part of MJML that is shown: this one leaves no trace of it",
    );
  const tree = nest(built, problems);
  return problems.all.length > 0 ? undefined : { tree, html: toSource(built) };
}

/** Elements whose content MJML takes as it is. */
const ENDING = new Set([
  ...["mj-text", "mj-button", "mj-table", "mj-raw", "mj-preview", "mj-title", "mj-style", "mj-navbar-link"],
  ...["mj-social-element", "mj-accordion-title", "mj-accordion-text"],
]);

function toWords(segments: readonly Segment[]) {
  const all = segments.map((segment) => (segment.kind === "text" ? segment.text : "")).join("");
  let prefix = "tagq";
  while (all.includes(prefix)) prefix += "q";
  const word = (index: number) => `${prefix}${index}z`;
  const pattern = new RegExp(`${prefix}(\\d+)z`, "g");
  const place = new MjmlPlace();
  const mjml = segments
    .map((segment, index) => {
      if (segment.kind === "text") {
        place.feed(segment.text);
        return segment.text;
      }
      // Lines stay what they are, for the errors.
      const lines = countLines(segment.source);
      place.skipLines(lines);
      return (place.isBetweenElements ? `<mj-raw>${word(index)}</mj-raw>` : word(index)) + "\n".repeat(lines);
    })
    .join("");
  return {
    mjml,
    problem: place.problem,
    restore: (message: string) =>
      message.replaceAll(pattern, (found: string, index: string) => {
        const segment = segments[Number(index)];
        return segment?.kind === "tag" ? segment.source : found;
      }),
    split(html: string): Segment[] {
      // Text has no place of its own any more: it gets that of the tag before it.
      let last = segments.find((segment) => segment.kind === "text")?.place ?? { field: "", line: 1, column: 1 };
      return html.split(pattern).map((part, index): Segment => {
        const segment = index % 2 === 1 ? segments[Number(part)] : undefined;
        if (segment === undefined) return { kind: "text", text: part, place: last };
        last = segment.place;
        return segment;
      });
    },
  };
}

/** Follows MJML, to where its elements hold elements only and words would be lost, and to what is not closed: MJML itself takes that
 *  for text. */
class MjmlPlace {
  #open: { readonly name: string; readonly line: number }[] = [];
  #inTag = false;
  #inComment = false;
  #quote = "";
  #line = 1;
  #problem: { readonly line: number; readonly message: string } | undefined;

  feed(text: string): void {
    let from = 0;
    for (const { 0: found, 1: name, index } of text.matchAll(/<!--|-->|<\/?(mj[\w-]*)|["']|\/?>/gi)) {
      this.skipLines(countLines(text.slice(from, index)));
      from = index;
      this.#take(found, name?.toLowerCase());
    }
    this.skipLines(countLines(text.slice(from)));
  }

  skipLines(count: number): void {
    this.#line += count;
  }

  get isBetweenElements(): boolean {
    return !this.#inTag && !this.#open.some(({ name }) => ENDING.has(name));
  }

  /** The first thing that is not closed, or not in its order. */
  get problem(): { readonly line: number; readonly message: string } | undefined {
    const last = this.#open.at(-1);
    return this.#problem ?? (last && { line: last.line, message: `<${last.name}> without its end` });
  }

  #take(found: string, name: string | undefined): void {
    if (this.#inComment) this.#inComment = found !== "-->";
    else if (this.#quote !== "") this.#quote = found === this.#quote ? "" : this.#quote;
    else if (found === "<!--") this.#inComment = true;
    else if (this.#inTag && (found === '"' || found === "'")) this.#quote = found;
    else if (this.#inTag && found.endsWith(">") && found !== "-->") {
      this.#inTag = false;
      if (found === "/>") this.#open.pop();
    } else if (name !== undefined && !found.startsWith("</")) {
      this.#inTag = true;
      this.#open.push({ name, line: this.#line });
    } else if (name !== undefined) this.#close(name);
  }

  #close(name: string): void {
    const last = this.#open.at(-1);
    if (last?.name !== name)
      this.#problem ??= {
        line: this.#line,
        message: `</${name}> ${last ? `in <${last.name}>` : "without its beginning"}`,
      };
    const at = this.#open.findLastIndex((one) => one.name === name);
    if (at !== -1) this.#open = this.#open.slice(0, at);
  }
}

const countLines = (text: string) => text.split("\n").length - 1;

/** A source that is read as these very segments again. */
function toSource(segments: readonly Segment[]): string {
  let source = "";
  let last: Segment | undefined;
  for (const segment of segments) {
    if (segment.kind === "text") {
      if (segment.text === "") continue;
      // What a comment stood between must not make a tag together.
      if (source.endsWith("<") && segment.text.startsWith("%")) source += "<% %>";
      // A tag that writes nothing takes a line break along.
      const isEaten = last?.kind === "tag" && last.statement.kind !== "output" && /^\r?\n/.test(segment.text);
      source += isEaten ? `\n${segment.text}` : segment.text;
    } else source += segment.source;
    last = segment;
  }
  return source;
}
