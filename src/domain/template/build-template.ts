import { clone } from "@bufbuild/protobuf";
import { type TemplateContent, TemplateContentSchema } from "../../../gen/intervention/v1/template_pb.js";
import { buildMjml, type MjmlCompiler } from "./build-mjml.ts";
import { compileTree } from "./compile-source.ts";
import { compileTemplate, type PublishedTemplate, toPieces } from "./compile-template.ts";
import type { Pieces } from "./expand.ts";
import { Problems } from "./template-problem.ts";
import { toFields } from "./variable-type.ts";

/** What is published of a content: it stands alone, with MJML compiled, and compiles again to the same. */
export type BuiltTemplate = { readonly content: TemplateContent; readonly template: PublishedTemplate };

/** Makes of a content what is published.
 *  @param options.shared pieces of other templates, by `{template}/{piece}`.
 *  @param options.path of the content in the request, for the errors.
 *  @throws InvalidInput naming everything that is wrong, by field, line and column. */
export async function buildTemplate(
  content: TemplateContent,
  { path, shared, compileMjml }: { readonly path: string; readonly shared: Pieces; readonly compileMjml: MjmlCompiler },
): Promise<BuiltTemplate> {
  // Everything but what MJML itself knows.
  compileTemplate(content, { path, shared });
  const problems = new Problems();
  const built = clone(TemplateContentSchema, content);
  const pieces = toPieces(content.pieces, path, shared);
  const variables = toFields(content.variables);
  for (const [index, { email }] of built.variants.entries()) {
    if (email === undefined || email.mjml === "") continue;
    const field = `${path}.variants[${index}].email.mjml`;
    const made = await buildMjml(email.mjml, { field, pieces, problems, compile: compileMjml });
    if (made === undefined) continue;
    compileTree(made.tree, { target: "html", variables, problems });
    email.mjml = "";
    email.html = made.html;
  }
  problems.throwIfAny();
  for (const [name, { source }] of shared)
    built.pieces.push({ $typeName: "intervention.v1.TemplatePiece", name, source });
  return { content: built, template: compileTemplate(built, { path }) };
}
