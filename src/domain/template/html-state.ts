/** Where in HTML a position is: between tags, in an attribute's value, or somewhere nothing of a user's may stand.
 *  A small part of the tokenizer of https://html.spec.whatwg.org/#tokenization, and stricter than it. */
export type HtmlState =
  | { readonly kind: "text" | "title" | "open" | "name" | "comment" | "declaration" | "style" | "between" | "unquoted" }
  /** In an attribute's name, or just behind it. */
  | { readonly kind: "attribute"; readonly attribute: string; readonly hasEqual: boolean; readonly tag: string }
  /** In a value between quotes; `before` is what stands before in it. */
  | {
      readonly kind: "value";
      readonly attribute: string;
      readonly quote: string;
      readonly before: string;
      readonly tag: string;
    };

export const TEXT: HtmlState = { kind: "text" };

/** How much of a URL's beginning decides what may follow. */
const BEFORE_MAX = 300;
const DANGEROUS_TAGS: ReadonlySet<string> = new Set([
  ...["script", "iframe", "object", "embed", "applet", "frame", "frameset", "base", "noembed", "noframes", "plaintext"],
  ...["template", "textarea", "xmp", "math", "svg", "form", "select"],
]);
const URL_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...["href", "src", "action", "background", "cite", "poster", "formaction", "data", "longdesc", "xlink:href"],
]);

export const isUrlAttribute = (attribute: string) => URL_ATTRIBUTES.has(attribute);

/** Says what makes HTML unfit to stand between others': a script, or something it leaves open. */
export function findHtmlProblem(html: string): string | undefined {
  const scanner = new HtmlScanner();
  scanner.feed(html);
  if (scanner.problem !== undefined) return scanner.problem;
  return scanner.state.kind === "text" ? undefined : "it ends in the middle of a tag, a comment or a style";
}

/** Follows HTML piece by piece. */
export class HtmlScanner {
  state: HtmlState;
  /** What must not be in a message: a script, a handler, a URL that runs code. */
  problem: string | undefined;
  #tag = "";

  constructor(state: HtmlState = TEXT) {
    this.state = state;
    if (state.kind === "value" || state.kind === "attribute") this.#tag = state.tag;
  }

  feed(html: string): void {
    let at = 0;
    while (at < html.length) at = this.#step(html, at);
  }

  /** Goes on from `at`.
   *  @returns where it stands then, further than before. */
  #step(html: string, at: number): number {
    const { state } = this;
    const character = html[at] ?? "";
    switch (state.kind) {
      case "text": {
        const open = html.indexOf("<", at);
        if (open === -1) return html.length;
        this.state = { kind: "open" };
        return open + 1;
      }
      case "open":
        return this.#openTag(html, at);
      case "name": {
        const end = indexOfAny(html, at, /[\s/>]/g);
        this.#tag += html.slice(at, end).toLowerCase();
        if (end < html.length) this.#endName(html.slice(end, end + 40));
        return end;
      }
      case "comment": {
        // One that is cut by a tag of ours between its signs is not ended there, which is the careful reading.
        const end = html.indexOf("-->", at);
        if (end === -1) return html.length;
        this.state = TEXT;
        return end + 3;
      }
      case "declaration": {
        const end = html.indexOf(">", at);
        if (end === -1) return html.length;
        this.state = TEXT;
        return end + 1;
      }
      case "style": {
        const end = html.toLowerCase().indexOf("</style", at);
        if (end === -1) return html.length;
        this.#tag = "/style";
        this.state = { kind: "between" };
        return end + "</style".length;
      }
      case "title": {
        const open = html.indexOf("<", at);
        if (open === -1) return html.length;
        if (!/^<\/title[\s>]/i.test(html.slice(open, open + 8))) this.problem ??= "a title must be plain text";
        this.#tag = "/title";
        this.state = { kind: "between" };
        return open + "</title".length;
      }
      case "between":
        return this.#betweenAttributes(character, at);
      case "attribute":
        return this.#attribute(html, at, state);
      case "unquoted": {
        const end = indexOfAny(html, at, /[\s>]/g);
        if (end < html.length) this.state = { kind: "between" };
        return end;
      }
      default:
        return this.#value(html, at, state);
    }
  }

  #openTag(html: string, at: number): number {
    const character = html[at] ?? "";
    if (html.startsWith("!--", at)) {
      // A condition of Outlook: what is in it is HTML for one program, and goes by the same rules.
      const condition = /^!--\[if [^\]<>]{1,100}\]>/.exec(html.slice(at, at + 120));
      this.state = condition === null ? { kind: "comment" } : TEXT;
      // `<!-->` and `<!--->` are whole comments.
      const short = condition === null ? /^!---?>/.exec(html.slice(at, at + 6)) : condition;
      if (short === null) return at + 3;
      this.state = TEXT;
      return at + short[0].length;
    }
    if (character === "!" || character === "?") this.state = { kind: "declaration" };
    else if (/[a-z/]/i.test(character)) {
      this.#tag = "";
      this.state = { kind: "name" };
      if (character === "/") {
        this.#tag = "/";
        return at + 1;
      }
      return at;
    } else {
      this.state = TEXT;
      return at;
    }
    return at + 1;
  }

  #endName(following: string): void {
    // MJML writes `<noscript>` around settings for Outlook.
    const isForbidden = this.#tag === "noscript" ? !/^>\s*<xml>/.test(following) : DANGEROUS_TAGS.has(this.#tag);
    if (isForbidden) this.problem ??= `<${this.#tag.slice(0, 20)}> must not be in a message`;
    this.state = { kind: "between" };
  }

  #betweenAttributes(character: string, at: number): number {
    if (character === ">") {
      const isRaw = this.#tag === "style" || this.#tag === "title";
      this.state = isRaw ? { kind: this.#tag === "style" ? "style" : "title" } : TEXT;
    } else if (!/[\s/]/.test(character)) {
      this.state = { kind: "attribute", attribute: "", hasEqual: false, tag: this.#tag };
      return at;
    }
    return at + 1;
  }

  #attribute(html: string, at: number, state: Extract<HtmlState, { kind: "attribute" }>): number {
    const { attribute, hasEqual, tag } = state;
    if (!hasEqual) {
      const end = indexOfAny(html, at, /[=>\s/]/g);
      const name = attribute + html.slice(at, end).toLowerCase();
      if (name === "") this.problem ??= "an attribute must have a name";
      if (end === html.length) {
        this.state = { ...state, attribute: name };
        return end;
      }
      if (/^on/.test(name) || name === "srcdoc")
        this.problem ??= `the attribute ${name.slice(0, 20)} must not be in a message`;
      const after = html.slice(end).search(/\S/);
      const next = after === -1 ? html.length : end + after;
      if (html[next] === "=") {
        this.state = { kind: "attribute", attribute: name, hasEqual: true, tag };
        return next + 1;
      }
      this.state = { kind: "between" };
      return end;
    }
    const character = html[at] ?? "";
    if (/\s/.test(character)) return at + 1;
    if (character === '"' || character === "'") {
      this.state = { kind: "value", attribute, quote: character, before: "", tag };
      return at + 1;
    }
    if (isUrlAttribute(attribute)) this.#checkUrl(html.slice(at, indexOfAny(html, at, /[\s>]/g)));
    this.state = { kind: "unquoted" };
    return at;
  }

  #value(html: string, at: number, state: Extract<HtmlState, { kind: "value" }>): number {
    const end = html.indexOf(state.quote, at);
    const stop = end === -1 ? html.length : end;
    const here = html.slice(at, stop);
    const before = (state.before + here).slice(0, BEFORE_MAX);
    // It would end a comment for Outlook, in which the others don't see a value.
    if (/--!?>/.test(here) || /^(-|!)*>/.test(here)) this.problem ??= "--> must not be in an attribute";
    if (isUrlAttribute(state.attribute)) this.#checkUrl(before);
    this.state = end === -1 ? { ...state, before } : { kind: "between" };
    return end === -1 ? html.length : end + 1;
  }

  #checkUrl(url: string): void {
    const scheme = toScheme(url);
    if (scheme !== undefined && !SAFE_SCHEMES.has(scheme))
      this.problem ??= `a URL that begins with ${JSON.stringify(`${scheme}:`.slice(0, 20))} must not be in a message`;
  }
}

const SAFE_SCHEMES: ReadonlySet<string> = new Set(["http", "https", "mailto", "tel", "sms", "cid"]);

/** The scheme of a URL as a browser reads it. */
const toScheme = (url: string): string | undefined => /^([^/?#:]*):/.exec(toReadUrl(url))?.[1]?.toLowerCase();

const NAMED: Readonly<Record<string, string>> = {
  tab: "",
  newline: "",
  colon: ":",
  sol: "/",
  bsol: "\\",
  quest: "?",
  num: "#",
};

/** A URL as a browser reads it out of HTML: entities resolved, blanks and control characters left out. */
export const toReadUrl = (url: string): string =>
  url
    .replaceAll(/&#x([0-9a-f]{1,6});?/gi, (_, hex: string) => toCharacter(Number.parseInt(hex, 16)))
    .replaceAll(/&#(\d{1,7});?/g, (_, digits: string) => toCharacter(Number(digits)))
    .replaceAll(/&(tab|newline|colon|sol|bsol|quest|num);/gi, (_, name: string) => NAMED[name.toLowerCase()] ?? "")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: browsers skip them.
    .replaceAll(/[\u0000-\u0020]/g, "");

const toCharacter = (code: number) => (code <= 0x10ffff ? String.fromCodePoint(code) : "");

function indexOfAny(text: string, from: number, pattern: RegExp): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}
