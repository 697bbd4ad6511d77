import type { Bindings, Expression, Statement } from "./expression.ts";
import type { Segment } from "./lex.ts";
import { type Place, type Problems, quote } from "./template-problem.ts";

type Tag = Extract<Segment, { kind: "tag" }>;

/** A template as a tree. Each node has the tags it was made of, so that the source can be put together again. */
export type Node =
  | { readonly kind: "text"; readonly text: string; readonly place: Place }
  | { readonly kind: "output"; readonly value: Expression; readonly isRaw: boolean; readonly tag: Tag }
  | { readonly kind: "if"; readonly branches: readonly Branch[]; readonly place: Place; readonly end: Tag }
  | {
      readonly kind: "for";
      readonly variable: string;
      readonly list: Expression;
      readonly children: readonly Node[];
      readonly tag: Tag;
      readonly end: Tag;
    }
  | {
      readonly kind: "with";
      readonly bindings: Bindings;
      readonly children: readonly Node[];
      readonly tag: Tag;
      readonly end: Tag;
    }
  | { readonly kind: "block"; readonly name: string; readonly children: readonly Node[]; readonly tag: Tag }
  | { readonly kind: "include"; readonly statement: Extract<Statement, { kind: "include" }>; readonly tag: Tag }
  | { readonly kind: "layout"; readonly name: string; readonly tag: Tag };

/** One arm of an if; without a condition, the last. */
export type Branch = {
  readonly condition?: Expression | undefined;
  readonly children: readonly Node[];
  readonly tag: Tag;
};

const DEPTH_MAX = 24;

type Open = { readonly tag: Tag; readonly branches: Branch[]; children: Node[]; branchTag: Tag };

/** Makes a tree of what opens and closes. What is wrong is said. */
export function nest(segments: readonly Segment[], problems: Problems): readonly Node[] {
  const root: Node[] = [];
  const open: Open[] = [];
  const here = () => open.at(-1)?.children ?? root;
  for (const segment of segments) {
    if (segment.kind === "text") {
      here().push(segment);
      continue;
    }
    const { statement, place } = segment;
    switch (statement.kind) {
      case "output":
        here().push({ kind: "output", value: statement.value, isRaw: statement.isRaw, tag: segment });
        break;
      case "include":
        here().push({ kind: "include", statement, tag: segment });
        break;
      case "layout":
        if (open.length > 0) problems.add(place, quote(segment.source), "layout outside of if, for and block");
        here().push({ kind: "layout", name: statement.name, tag: segment });
        break;
      case "comment":
        break;
      case "else if":
      case "else":
        takeElse(segment, open.at(-1), problems);
        break;
      case "end":
        close(segment);
        break;
      default:
        if (statement.kind === "block" && !statement.hasBody) {
          here().push({ kind: "block", name: statement.name, children: [], tag: segment });
          break;
        }
        if (open.length >= DEPTH_MAX) {
          problems.add(place, quote(segment.source), `at most ${DEPTH_MAX} levels of if, for and block`);
          return root;
        }
        open.push({ tag: segment, branches: [], children: [], branchTag: segment });
    }
  }
  for (const { tag } of open) problems.add(tag.place, quote(tag.source), `${closingOf(tag)} for it further below`);
  return root;

  function close(end: Tag): void {
    const closed = open.pop();
    const isBlock = end.statement.kind === "end" && end.statement.closes === "block";
    if (closed === undefined) problems.add(end.place, quote(end.source), "something open that it could close");
    else if (isBlock !== (closed.tag.statement.kind === "block"))
      problems.add(
        end.place,
        quote(end.source),
        `${closingOf(closed.tag)} for ${quote(closed.tag.source)} in line ${closed.tag.place.line}`,
      );
    else here().push(toNode(closed, end));
  }
}

const closingOf = ({ statement }: Tag) => (statement.kind === "block" ? "<% }) %>" : "<% } %>");

function takeElse(tag: Tag, open: Open | undefined, problems: Problems): void {
  const last = open?.branchTag.statement.kind;
  if (open === undefined || (last !== "if" && last !== "else if")) {
    problems.add(tag.place, quote(tag.source), "it after if or else if");
    return;
  }
  open.branches.push(toBranch(open));
  open.children = [];
  open.branchTag = tag;
}

function toBranch({ branchTag, children }: Open): Branch {
  const { statement } = branchTag;
  const condition = statement.kind === "if" || statement.kind === "else if" ? statement.condition : undefined;
  return { condition, children, tag: branchTag };
}

function toNode(open: Open, end: Tag): Node {
  const { tag, branches, children } = open;
  const { statement, place } = tag;
  switch (statement.kind) {
    case "for":
      return { kind: "for", variable: statement.variable, list: statement.list, children, tag, end };
    case "with":
      return { kind: "with", bindings: statement.bindings, children, tag, end };
    case "block":
      return { kind: "block", name: statement.name, children, tag };
    default:
      return { kind: "if", branches: [...branches, toBranch(open)], place, end };
  }
}
