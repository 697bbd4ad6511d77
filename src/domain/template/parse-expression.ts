import type { Bindings, Comparison, Expression } from "./expression.ts";
import { type Place, type Problems, quote } from "./template-problem.ts";
import type { Token } from "./tokens.ts";

/** Thrown inside the parser of one tag and caught at its border: the rest of the template is still looked at. */
export class Unexpected extends Error {}

const DEPTH_MAX = 16;
const PARAMETERS_MAX = 8;

/** Names that lead out of plain data; no variable is ever called so. */
export const FORBIDDEN_NAMES: ReadonlySet<string> = new Set([
  "__proto__",
  "constructor",
  "prototype",
  "__defineGetter__",
  "__defineSetter__",
  "__lookupGetter__",
  "__lookupSetter__",
  "hasOwnProperty",
  "isPrototypeOf",
  "propertyIsEnumerable",
  "toLocaleString",
  "toString",
  "valueOf",
  "toJSON",
]);

const COMPARISONS: ReadonlyMap<string, Comparison> = new Map([
  ["==", "==="],
  ["===", "==="],
  ["!=", "!=="],
  ["!==", "!=="],
  ["<", "<"],
  ["<=", "<="],
  [">", ">"],
  [">=", ">="],
]);

/** Reads expressions off the tokens of one tag, by recursive descent. From loose to tight: `|`, `??`, `||`, `&&`, `!`, comparison. */
export class ExpressionParser {
  readonly #tokens: readonly Token[];
  readonly #problems: Problems;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], problems: Problems) {
    this.#tokens = tokens;
    this.#problems = problems;
  }

  get token(): Token {
    const token = this.#tokens[this.#at] ?? this.#tokens.at(-1);
    if (token === undefined) throw new Error("tokens end with the end");
    return token;
  }

  /** @throws Unexpected, having said what was expected. */
  fail(expected: string, { place, kind, text }: Token = this.token): never {
    this.#problems.add(place, kind === "end" ? text : quote(text), expected);
    throw new Unexpected();
  }

  /** Goes past the next token if it is this sign or word. */
  take(text: string): boolean {
    const isIt = this.token.text === text && (this.token.kind === "sign" || this.token.kind === "name");
    if (isIt) this.#at += 1;
    return isIt;
  }

  need(text: string): void {
    if (!this.take(text)) this.fail(`"${text}"`);
  }

  needEnd(): void {
    this.take(";");
    if (this.token.kind !== "end") this.fail("the end of the tag");
  }

  needName(expected: string): string {
    const { kind, text } = this.token;
    if (kind !== "name") this.fail(expected);
    if (FORBIDDEN_NAMES.has(text)) this.fail("a name of a variable; this one leads out of the data");
    this.#at += 1;
    return text;
  }

  needString(expected: string): string {
    const { kind, text } = this.token;
    if (kind !== "string") this.fail(expected);
    this.#at += 1;
    return text;
  }

  parse(): Expression {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) this.fail(`at most ${DEPTH_MAX} levels of parentheses`);
    let value = this.#parseElse();
    while (this.take("|")) {
      const { place } = this.token;
      const name = this.needName("the name of a filter");
      value = {
        kind: "filter",
        place,
        name,
        operand: value,
        parameters: this.take("(") ? this.#parseParameters() : [],
      };
    }
    this.#depth -= 1;
    return value;
  }

  /** `{ name: value, … }` */
  parseBindings(): Bindings {
    const bindings: { name: string; value: Expression }[] = [];
    this.need("{");
    while (!this.take("}")) {
      if (bindings.length > 0) {
        this.need(",");
        if (this.take("}")) break;
      }
      const { place } = this.token;
      const name = this.needName('a name, as in { title: it.title }, or "}"');
      if (bindings.some((one) => one.name === name)) this.fail(`each name once; "${name}" was there before`);
      bindings.push({ name, value: this.take(":") ? this.parse() : { kind: "path", place, root: name, names: [] } });
    }
    return bindings;
  }

  #parseParameters(): Expression[] {
    const parameters: Expression[] = [];
    while (!this.take(")")) {
      if (parameters.length > 0) this.need(",");
      if (parameters.length === PARAMETERS_MAX) this.fail(`at most ${PARAMETERS_MAX} parameters`);
      parameters.push(this.#parsePrimary());
    }
    return parameters;
  }

  #parseElse(): Expression {
    return this.#chain("else", ["??"], () =>
      this.#chain("or", ["||", "or"], () => this.#chain("and", ["&&", "and"], () => this.#parseNot())),
    );
  }

  #chain(kind: "and" | "or" | "else", signs: readonly string[], next: () => Expression): Expression {
    const { place } = this.token;
    let left = next();
    while (signs.some((sign) => this.take(sign))) left = { kind, place, left, right: next() };
    return left;
  }

  #parseNot(): Expression {
    const { place } = this.token;
    if (!this.take("!") && !this.take("not")) return this.#parseComparison();
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) this.fail(`at most ${DEPTH_MAX} levels`);
    const operand = this.#parseNot();
    this.#depth -= 1;
    return { kind: "not", place, operand };
  }

  #parseComparison(): Expression {
    const left = this.#parsePrimary();
    const { place, kind, text } = this.token;
    const operator = kind === "sign" ? COMPARISONS.get(text) : undefined;
    if (operator === undefined) return left;
    this.#at += 1;
    return { kind: "compare", place, operator, left, right: this.#parsePrimary() };
  }

  #parsePrimary(): Expression {
    const { place, kind, text } = this.token;
    if (kind === "string" || kind === "number") {
      this.#at += 1;
      return { kind: "literal", place, value: kind === "string" ? text : Number(text) };
    }
    if (this.take("(")) {
      const inner = this.parse();
      this.need(")");
      return inner;
    }
    if (this.take("true")) return { kind: "literal", place, value: true };
    if (this.take("false")) return { kind: "literal", place, value: false };
    return this.#parsePath(place);
  }

  #parsePath(place: Place): Expression {
    const root = this.needName("a variable such as it.name, a string, a number, true, false or (");
    const names: string[] = [];
    while (this.take(".")) names.push(this.needName("the name of a field"));
    if (this.token.kind === "sign" && (this.token.text === "(" || this.token.text === "["))
      this.fail("no call and no brackets: values are read as it.name and changed by filters, as in it.name | upper");
    return { kind: "path", place, root, names };
  }
}
