export type { MjmlCompiler } from "./build-mjml.ts";
export { type BuiltTemplate, buildTemplate } from "./build-template.ts";
export { checkVariables } from "./check-variables.ts";
export { compileTemplate, type PublishedTemplate } from "./compile-template.ts";
export { diffContents } from "./diff-contents.ts";
export { fillVariables, type TemplateFacts, toCodePools } from "./fill-variables.ts";
export { type Rendered, renderTemplate } from "./render-template.ts";
export { fillTemplate, outlineTemplate, toRoots, toTemplateFields } from "./template-input.ts";
export { toTemplateProductIds, toTemplateProducts } from "./template-products.ts";
