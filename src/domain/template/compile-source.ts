import { Eta, type TemplateFunction } from "eta/core";
import { Constants, type Scope } from "./compile-expression.ts";
import { compileNodes, type Target } from "./compile-nodes.ts";
import { expand, type Pieces } from "./expand.ts";
import type { Node } from "./nest.ts";
import type { Rendering } from "./rendering.ts";
import type { Problems } from "./template-problem.ts";
import type { Type } from "./variable-type.ts";

/** A source that was found right. */
export type CompiledSource = (rendering: Rendering, variables: Readonly<Record<string, unknown>>) => string;

/** Eta without a view of files or of other templates, that changes nothing of what it is given. */
const eta = new Eta({
  autoEscape: false,
  autoTrim: false,
  cache: false,
  // What generated code names: the run, the variables, the constants.
  functionHeader: "const $=it.$,v=it.v,c=it.c;",
});

/** Compiles a source; what is wrong is said, and then nothing comes of it. */
export function compileSource(
  source: string,
  options: {
    readonly field: string;
    readonly target: Target;
    readonly variables: ReadonlyMap<string, Type>;
    readonly pieces: Pieces;
    readonly problems: Problems;
  },
): CompiledSource {
  return compileTree(expand(source, options.field, options.pieces, options.problems), options);
}

/** The same of a tree that stands alone. */
export function compileTree(
  tree: readonly Node[],
  {
    target,
    variables,
    problems,
  }: { readonly target: Target; readonly variables: ReadonlyMap<string, Type>; readonly problems: Problems },
): CompiledSource {
  const constants = new Constants();
  const scope: Scope = {
    variables: new Map([...variables].map(([name, type]) => [name, { type, code: `v.${name}` }])),
    locals: new Map(),
  };
  const generated = compileNodes(tree, scope, { target, constants, problems });
  if (problems.all.length > 0) return () => "";
  const template: TemplateFunction = eta.compile(generated);
  const c = constants.values;
  return ($, v) => template.call(eta, { $, v, c });
}
