import { type Compiled, type Constants, compileExpression, type Scope, toTruth } from "./compile-expression.ts";
import { HtmlScanner, type HtmlState, isUrlAttribute, TEXT, toReadUrl } from "./html-state.ts";
import type { Node } from "./nest.ts";
import { type Place, type Problems, quote } from "./template-problem.ts";
import { isText, showType, type Type } from "./variable-type.ts";

/** What a source becomes, which decides how values are escaped: HTML by where in it they stand, text as it is, a line without
 *  breaks, a URL by its parts. */
export type Target = "html" | "text" | "line" | "url";

type Parts = { readonly target: Target; readonly constants: Constants; readonly problems: Problems };

/** Generates Eta's source for a tree. Everything an author wrote is in the table of constants, none of it in the source. */
export function compileNodes(nodes: readonly Node[], scope: Scope, parts: Parts): string {
  const compiler = new NodeCompiler(parts);
  const source = compiler.compile(nodes, scope);
  compiler.finish();
  return source;
}

class NodeCompiler {
  readonly #parts: Parts;
  /** Where in HTML, or in a URL, what comes next stands. */
  #state: HtmlState;
  #names = 0;
  #lastPlace: Place | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    // A URL is what an attribute of that kind holds.
    this.#state = parts.target === "url" ? URL_START : TEXT;
  }

  compile(nodes: readonly Node[], scope: Scope): string {
    return mergeTexts(nodes)
      .map((node) => this.#compileNode(node, scope))
      .join("");
  }

  /** Nothing is left open. */
  finish(): void {
    if (this.#parts.target === "html" && this.#state.kind !== "text" && this.#lastPlace !== undefined)
      this.#parts.problems.add(
        this.#lastPlace,
        `HTML that ends in ${toWhere(this.#state)}`,
        "HTML that closes its tags",
      );
  }

  #compileNode(node: Node, scope: Scope): string {
    if (node.kind === "text") return this.#compileText(node.text, node.place);
    const place = node.kind === "if" ? node.place : node.tag.place;
    this.#lastPlace = place;
    if (node.kind !== "output") this.#requireControl(place);
    switch (node.kind) {
      case "output":
        return this.#compileOutput(node, scope);
      case "if":
        return this.#compileIf(node, scope);
      case "for":
        return this.#compileFor(node, scope);
      case "with":
        return this.#compileWith(node, scope);
      case "block":
        return this.compile(node.children, scope);
      default:
        throw new Error(`a ${node.kind} is expanded before`);
    }
  }

  #compileText(text: string, place: Place): string {
    const { target, constants, problems } = this.#parts;
    this.#lastPlace = place;
    if (target === "html") {
      const scanner = new HtmlScanner(this.#state);
      scanner.feed(text);
      if (scanner.problem !== undefined) problems.add(place, "HTML behind this", `no script: ${scanner.problem}`);
      this.#state = scanner.state;
    } else if (target === "url" && this.#state.kind === "value")
      this.#state = { ...this.#state, before: this.#state.before + text };
    return `<%~${constants.text(target === "line" ? text.replaceAll(/\s*[\r\n]+\s*/g, " ") : text)}%>`;
  }

  #compileOutput({ value, isRaw, tag }: Extract<Node, { kind: "output" }>, scope: Scope): string {
    const { problems, target } = this.#parts;
    const compiled = compileExpression(value, { ...this.#parts, scope });
    if (!isRaw) return this.#escape(compiled, tag.place);
    if (compiled.type.kind !== "html")
      problems.add(
        tag.place,
        `${quote(tag.source)}, which is ${showType(compiled.type)}`,
        "a variable of type HTML, or <%= to escape it",
      );
    else if (target !== "html" || this.#state.kind !== "text")
      problems.add(
        tag.place,
        `HTML in ${target === "html" ? toWhere(this.#state) : `a ${target}`}`,
        "it between the tags of HTML only",
      );
    return `<%~$.raw(${compiled.code})%>`;
  }

  /** Escapes for the place. */
  #escape(compiled: Compiled, place: Place): string {
    const { problems, target } = this.#parts;
    const text = this.#toText(compiled, place);
    if (target === "text" || target === "line") return `<%~$.${target}(${text})%>`;
    const state = this.#state;
    const prefix = target === "url" ? "plain" : "html";
    if (state.kind === "text" || state.kind === "title") return `<%~$.html(${text})%>`;
    if (state.kind !== "value") {
      problems.add(place, `a variable in ${toWhere(state)}`, "it in text, or in an attribute's value between quotes");
      return "";
    }
    const { attribute, before } = state;
    if (attribute === "style" || attribute === "srcset") {
      problems.add(place, `a variable in the attribute ${attribute}`, "it in text or another attribute");
      return "";
    }
    if (!isUrlAttribute(attribute)) return `<%~$.html(${text})%>`;
    this.#state = { ...state, before: before === "" ? URL_VARIABLE : before };
    if (before === "") {
      if (compiled.type.kind === "url") return `<%~$.${prefix}Url(${text})%>`;
      problems.add(
        place,
        `${showType(compiled.type)} at the beginning of a URL`,
        "a variable of type URL, or the site before it",
      );
    } else if (!hasSite(before))
      problems.add(
        place,
        `a variable in the site of a URL, behind ${quote(before)}`,
        "it behind the site, as in https://shop.example/",
      );
    return compiled.type.kind === "encoded" ? `<%~$.${prefix}Encoded(${text})%>` : `<%~$.${prefix}Component(${text})%>`;
  }

  #toText({ type, code }: Compiled, place: Place): string {
    if (isText(type)) return code;
    if (type.kind === "number") return `$.plainNumber(${code})`;
    if (type.kind === "money") return `$.money(${code})`;
    if (type.kind === "time") return `$.date(${code})`;
    this.#parts.problems.add(
      place,
      showType(type),
      "something to write: name a field of it, or use join, count, json or if",
    );
    return code;
  }

  #compileIf({ branches, end }: Extract<Node, { kind: "if" }>, scope: Scope): string {
    const before = this.#state;
    const codes: string[] = [];
    let after: HtmlState | undefined;
    for (const [index, { condition, children, tag }] of branches.entries()) {
      this.#state = before;
      const test =
        condition === undefined ? undefined : toTruth(compileExpression(condition, { ...this.#parts, scope }));
      codes.push(index === 0 ? `<% if(${test}){ %>` : test === undefined ? "<% }else{ %>" : `<% }else if(${test}){ %>`);
      codes.push(this.compile(children, scope));
      after = this.#join(after, this.#state, tag.place);
    }
    if (branches.at(-1)?.condition !== undefined) after = this.#join(after, before, end.place);
    this.#state = after ?? before;
    return `${codes.join("")}<% } %>`;
  }

  #compileFor({ variable, list, children, tag }: Extract<Node, { kind: "for" }>, scope: Scope): string {
    const { type, code } = compileExpression(list, { ...this.#parts, scope });
    if (type.kind !== "list") this.#parts.problems.add(list.place, showType(type), "a list to go over");
    this.#names += 1;
    const [all, index, one] = [`a${this.#names}`, `i${this.#names}`, `e${this.#names}`];
    const element: Type = type.kind === "list" ? type.element : { kind: "string" };
    const locals = new Map(scope.locals);
    locals.set(variable, { type: element, code: one });
    locals.set("loop", { type: LOOP, code: `$.loop(${index},${all}.length)` });
    const before = this.#state;
    const body = this.compile(children, { ...scope, locals });
    this.#state = this.#join(before, this.#state, tag.place);
    const cost = `${countNodes(children)},${countCharacters(children)}`;
    return `<% const ${all}=$.list(${code});for(let ${index}=0;${index}<${all}.length;${index}+=1){const ${one}=${all}[${index}];$.step(${cost}); %>${body}<% } %>`;
  }

  #compileWith({ bindings, children }: Extract<Node, { kind: "with" }>, scope: Scope): string {
    const variables = new Map(scope.variables);
    const constants: string[] = [];
    for (const { name, value } of bindings) {
      const compiled = compileExpression(value, { ...this.#parts, scope });
      this.#names += 1;
      constants.push(`const w${this.#names}=${compiled.code};`);
      variables.set(name, { ...compiled, code: `w${this.#names}` });
    }
    // What is outside is none of its business but by `it`.
    return `<% {${constants.join("")} %>${this.compile(children, { variables, locals: new Map() })}<% } %>`;
  }

  #requireControl(place: Place): void {
    const { kind } = this.#state;
    if (kind !== "text" && kind !== "value" && kind !== "between" && kind !== "title")
      this.#parts.problems.add(
        place,
        `a tag in ${toWhere(this.#state)}`,
        "it in text, between attributes or in a value between quotes",
      );
  }

  /** Whichever way was taken, what follows must stand in the same place. */
  #join(one: HtmlState | undefined, other: HtmlState, place: Place): HtmlState {
    if (one === undefined) return other;
    if (toKey(one) !== toKey(other))
      this.#parts.problems.add(
        place,
        `one way that ends in ${toWhere(one)} and one in ${toWhere(other)}`,
        "the same from all ways",
      );
    // Of a URL the way on which less of it is settled.
    return other.kind === "value" && !hasSite(other.before) ? other : one;
  }
}

/** Stands for a variable of type URL: it may end with its site, so that what follows could still belong to that. */
const URL_VARIABLE = "https://url.invalid";
/** At the beginning of the URL of a part of its own. */
const URL_START: HtmlState = { kind: "value", attribute: "href", quote: "", before: "", tag: "" };
/** Behind it nothing can change where the URL leads to: the site is complete, or it is of one site, or no web address. After a slash
 *  alone something could: of `/<%= a %>/<%= b %>` the second is the site when the first is empty. */
const HAS_SITE = /^(https?:\/\/[^/?#\\]+[/?#]|[/][^/\\]|[?#]|mailto:|tel:|sms:)/i;
const hasSite = (before: string) => HAS_SITE.test(toReadUrl(before));
const LOOP: Type = {
  kind: "object",
  fields: new Map<string, Type>([
    ...(["index", "number", "count"] as const).map((name): [string, Type] => [name, { kind: "number" }]),
    ...(["first", "last"] as const).map((name): [string, Type] => [name, { kind: "boolean" }]),
  ]),
};

/** What of a state what follows depends on. */
function toKey(state: HtmlState): string {
  if (state.kind !== "value") return state.kind;
  return `value ${state.attribute} ${state.quote} ${isUrlAttribute(state.attribute) ? toPhase(state.before) : ""}`;
}

const toPhase = (before: string) =>
  before === "" ? "empty" : String(hasSite(before) || before.startsWith(URL_VARIABLE));

const WHERE: Readonly<Record<HtmlState["kind"], string>> = {
  text: "text",
  title: "the title",
  open: "the middle of a tag",
  name: "a tag's name",
  comment: "a comment",
  declaration: "a declaration",
  style: "a style sheet",
  between: "a tag, between its attributes",
  attribute: "an attribute's name, or its value without quotes",
  unquoted: "an attribute's value without quotes",
  value: "an attribute's value",
};
const toWhere = ({ kind }: HtmlState) => WHERE[kind];

/** Texts that a comment stood between are one: what looks harmless apart may not be so together. */
function mergeTexts(nodes: readonly Node[]): readonly Node[] {
  const merged: Node[] = [];
  for (const node of nodes) {
    const last = merged.at(-1);
    if (node.kind === "text" && last?.kind === "text")
      merged[merged.length - 1] = { ...last, text: last.text + node.text };
    else merged.push(node);
  }
  return merged;
}

/** Nodes that one turn of a loop may go through, those of loops in it not counted: they count for themselves. */
const countNodes = (nodes: readonly Node[]): number => sum(nodes, () => 1);
const countCharacters = (nodes: readonly Node[]): number =>
  sum(nodes, (node) => (node.kind === "text" ? node.text.length : 0));

function sum(nodes: readonly Node[], of: (node: Node) => number): number {
  return nodes.reduce((total, node) => {
    const inner =
      node.kind === "if"
        ? node.branches.reduce((all, { children }) => all + sum(children, of), 0)
        : node.kind === "with" || node.kind === "block"
          ? sum(node.children, of)
          : 0;
    return total + of(node) + inner;
  }, 0);
}
