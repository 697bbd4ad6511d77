import type { Segment } from "./lex.ts";
import { lex } from "./lex.ts";
import { type Node, nest } from "./nest.ts";
import { type Place, type Problems, quote } from "./template-problem.ts";

/** The sources that others may include or lie in, by name. */
export type Pieces = ReadonlyMap<string, { readonly source: string; readonly field: string }>;

const DEPTH_MAX = 8;
/** Pieces that include pieces twice double at each level. */
const NODES_MAX = 5_000;

type Frame = {
  /** The pieces this one lies in. */
  readonly names: readonly string[];
  /** What an inner source has put in the place of a layout's blocks, and of its body. */
  readonly blocks: ReadonlyMap<string, readonly Node[]>;
  readonly body?: readonly Node[] | undefined;
};

/** Reads a source and puts pieces and layouts into their places: what comes out stands alone. */
export function expand(source: string, field: string, pieces: Pieces, problems: Problems): readonly Node[] {
  return new Expander(pieces, problems).expandSource(source, field);
}

class Expander {
  readonly #pieces: Pieces;
  readonly #problems: Problems;
  readonly #trees = new Map<string, readonly Node[]>();
  #nodes = 0;

  constructor(pieces: Pieces, problems: Problems) {
    this.#pieces = pieces;
    this.#problems = problems;
  }

  expandSource(source: string, field: string): readonly Node[] {
    return this.#expandTree(nest(lex(source, field, this.#problems), this.#problems), {
      names: [],
      blocks: new Map(),
    });
  }

  #expandTree(tree: readonly Node[], frame: Frame): readonly Node[] {
    const [layout, second] = tree.filter((node) => node.kind === "layout");
    if (layout === undefined) return this.#expandAll(tree, frame);
    if (second !== undefined)
      this.#problems.add(second.tag.place, quote(second.tag.source), "one layout, not a second one");
    // Its own blocks and body, in its own frame; those that lie in it may have given others.
    const blocks = new Map<string, readonly Node[]>();
    const rest: Node[] = [];
    for (const node of tree) {
      if (node.kind === "layout") continue;
      if (isFilling(node)) blocks.set(node.name, this.#expandAll(node.children, frame));
      else rest.push(node);
    }
    const body = this.#expandAll(rest, frame);
    for (const [name, nodes] of frame.blocks) blocks.set(name, nodes);
    const outer = this.#treeOf(layout.name, layout.tag.place, frame);
    if (outer === undefined) return [];
    return this.#expandTree(outer, { names: [...frame.names, layout.name], blocks, body });
  }

  #expandAll(nodes: readonly Node[], frame: Frame): readonly Node[] {
    return nodes.flatMap((node) => this.#expandNode(node, frame));
  }

  #expandNode(node: Node, frame: Frame): readonly Node[] {
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX) {
      if (this.#nodes === NODES_MAX + 1)
        this.#problems.add(placeOf(node), `more than ${NODES_MAX} parts, pieces included`, "a smaller template");
      return [];
    }
    switch (node.kind) {
      case "text":
      case "layout":
        return [node];
      case "output":
        return isBody(node) && frame.names.length > 0 && frame.body !== undefined ? frame.body : [node];
      case "if": {
        const branches = node.branches.map((branch) => ({
          ...branch,
          children: this.#expandAll(branch.children, frame),
        }));
        return [{ ...node, branches }];
      }
      case "for":
      case "with":
        return [{ ...node, children: this.#expandAll(node.children, frame) }];
      case "block":
        return frame.blocks.get(node.name) ?? this.#expandAll(node.children, frame);
      default:
        return this.#include(node, frame);
    }
  }

  #include({ statement, tag }: Extract<Node, { kind: "include" }>, frame: Frame): readonly Node[] {
    const { name, bindings, given } = statement;
    const tree = this.#treeOf(name, tag.place, frame);
    if (tree === undefined) return [];
    // Its places are filled as those around it are, unless it lies in a layout of its own.
    const blocks = tree.some((node) => node.kind === "layout") ? new Map<string, readonly Node[]>() : frame.blocks;
    const children = this.#expandTree(tree, { names: [...frame.names, name], blocks });
    return [{ kind: "with", bindings, children, tag: toTag(`<% with (${given}) { %>`, tag, bindings), end: END(tag) }];
  }

  #treeOf(name: string, place: Place, { names }: Frame): readonly Node[] | undefined {
    const piece = this.#pieces.get(name);
    if (piece === undefined) {
      const known = [...this.#pieces.keys()].map((one) => `"${one}"`).join(", ");
      this.#problems.add(
        place,
        `the piece ${quote(name)}`,
        known === "" ? "no piece: there are none" : `one of ${known}`,
      );
      return undefined;
    }
    if (names.includes(name)) {
      this.#problems.add(place, `${[...names, name].join(" → ")}`, "pieces that don't lie in themselves");
      return undefined;
    }
    if (names.length >= DEPTH_MAX) {
      this.#problems.add(place, `${[...names, name].join(" → ")}`, `pieces at most ${DEPTH_MAX} deep`);
      return undefined;
    }
    const tree = this.#trees.get(name) ?? nest(lex(piece.source, piece.field, this.#problems), this.#problems);
    this.#trees.set(name, tree);
    return tree;
  }
}

type Tag = Extract<Segment, { kind: "tag" }>;

const toTag = (source: string, { place }: Tag, bindings: Extract<Node, { kind: "with" }>["bindings"]): Tag => ({
  ...{ kind: "tag", source, place },
  statement: { kind: "with", bindings },
});

const END = ({ place }: Tag): Tag => ({
  ...{ kind: "tag", source: "<% } %>", place },
  statement: { kind: "end", closes: "brace" },
});

const placeOf = (node: Node): Place => (node.kind === "text" || node.kind === "if" ? node.place : node.tag.place);

/** `<% block("name", () => { %>`: for the layout's place of that name. `<%~ block("name") %>` is a place, for what lies in it. */
const isFilling = (node: Node): node is Extract<Node, { kind: "block" }> =>
  node.kind === "block" && node.tag.statement.kind === "block" && node.tag.statement.hasBody;

/** `<%~ it.body %>`: where a layout has what lies in it. */
const isBody = ({ value, isRaw }: Extract<Node, { kind: "output" }>) =>
  isRaw && value.kind === "path" && value.root === "it" && value.names.length === 1 && value.names[0] === "body";

/** The segments that a tree was made of: `nest` makes the same tree of them. */
export function toSegments(nodes: readonly Node[]): Segment[] {
  return nodes.flatMap((node): Segment[] => {
    switch (node.kind) {
      case "text":
        return [node];
      case "if":
        return [...node.branches.flatMap(({ tag, children }) => [tag, ...toSegments(children)]), node.end];
      case "for":
      case "with":
        return [node.tag, ...toSegments(node.children), node.end];
      case "block":
        return toSegments(node.children);
      default:
        return [node.tag];
    }
  });
}
