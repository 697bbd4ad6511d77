import type { Expression, Statement } from "./expression.ts";
import { ExpressionParser, Unexpected } from "./parse-expression.ts";
import type { Place, Problems } from "./template-problem.ts";
import { toTokens } from "./tokens.ts";

const STATEMENTS =
  "if (…) {, } else if (…) {, } else {, for (const item of it.items) {, }, layout(…), block(…, () => {, }), with ({…}) { or a comment";

/** Reads what one tag says.
 *  @param text between `<%` and `%>`.
 *  @returns undefined when it is wrong, which is said then. */
export function parseTag(
  text: string,
  { problems, tag, placeAt }: { problems: Problems; tag: number; placeAt: (offset: number) => Place },
): Statement | undefined {
  const prefix = text[0] === "=" || text[0] === "~" ? text[0] : "";
  const body = text.slice(prefix.length);
  const offset = tag + "<%".length + prefix.length;
  const tokens = toTokens(body, { problems, offset, placeAt });
  if (tokens === undefined) return undefined;
  const parser = new ExpressionParser(tokens, problems);
  const given = (from: number) => body.slice(from - offset, parser.token.offset - offset).trim();
  try {
    const statement = prefix === "" ? parseControl(parser) : parseOutput(parser, prefix === "~", given);
    parser.needEnd();
    return statement;
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    return undefined;
  }
}

function parseOutput(parser: ExpressionParser, isRaw: boolean, given: (from: number) => string): Statement {
  if (isRaw && parser.take("include")) {
    parser.need("(");
    const name = parser.needString('the name of a piece, as in include("footer")');
    const { offset } = parser.token;
    const bindings = parser.take(",") ? parser.parseBindings() : [];
    const bound = given(offset).replace(/^,\s*/, "");
    parser.need(")");
    return { kind: "include", name, bindings, given: bindings.length === 0 ? "{}" : bound };
  }
  if (isRaw && parser.take("block")) {
    parser.need("(");
    const name = parser.needString('the name of a block, as in block("content")');
    parser.need(")");
    return { kind: "block", name, hasBody: false };
  }
  return { kind: "output", value: parser.parse(), isRaw };
}

function parseControl(parser: ExpressionParser): Statement {
  if (parser.token.kind === "end") return { kind: "comment" };
  if (parser.take("}")) {
    if (parser.take(")")) return { kind: "end", closes: "block" };
    if (!parser.take("else")) return { kind: "end", closes: "brace" };
    const condition = parser.take("if") ? parseInParentheses(parser) : undefined;
    parser.need("{");
    return condition === undefined ? { kind: "else" } : { kind: "else if", condition };
  }
  if (parser.take("if")) {
    const condition = parseInParentheses(parser);
    parser.need("{");
    return { kind: "if", condition };
  }
  if (parser.take("for")) return parseFor(parser);
  if (parser.take("with")) {
    parser.need("(");
    const bindings = parser.parseBindings();
    parser.need(")");
    parser.need("{");
    return { kind: "with", bindings };
  }
  if (parser.take("layout")) {
    parser.need("(");
    const name = parser.needString('the name of a piece, as in layout("shop")');
    parser.need(")");
    return { kind: "layout", name };
  }
  if (parser.take("block")) {
    parser.need("(");
    const name = parser.needString('the name of a block, as in block("content", () => {');
    for (const sign of [",", "(", ")", "=>", "{"]) parser.need(sign);
    return { kind: "block", name, hasBody: true };
  }
  return parser.fail(STATEMENTS);
}

function parseInParentheses(parser: ExpressionParser): Expression {
  parser.need("(");
  const value = parser.parse();
  parser.need(")");
  return value;
}

const RESERVED: ReadonlySet<string> = new Set(["it", "loop", "true", "false", "and", "or", "not"]);

/** A loop goes over a list that is there, and over nothing else. */
function parseFor(parser: ExpressionParser): Statement {
  parser.need("(");
  parser.need("const");
  const { token } = parser;
  const variable = parser.needName("a name for the element, as in for (const item of it.items) {");
  if (RESERVED.has(variable)) parser.fail("another name; this one is taken", token);
  parser.need("of");
  const list = parser.parse();
  parser.need(")");
  parser.need("{");
  return { kind: "for", variable, list };
}
