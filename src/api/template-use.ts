import { create, type JsonObject } from "@bufbuild/protobuf";
import { z } from "zod";
import { type Template, TemplateState } from "../../gen/intervention/v1/template_pb.js";
import { type TemplateUse, TemplateUseSchema } from "../../gen/intervention/v1/template_use_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { findTemplateHead, type Store } from "../store/index.ts";
import { type Check, checked, jsonUpTo, show } from "./field-checks.ts";
import { isTemplateId } from "./template-name.ts";

const VARIABLES_BYTES_MAX = 65_536;
const templateId: Check<string> = (id) =>
  isTemplateId(id) ? undefined : `${show(id)} is not the id of a template, such as "welcome"`;

/** The form of a use; whether there is such a template is for `toPin`. */
export const templateUseSchema = z.object({
  template: checked(templateId),
  version: checked<number>((version) => (version >= 0 ? undefined : `${version} is not 0 or more`)),
  variables: checked<JsonObject>(jsonUpTo(VARIABLES_BYTES_MAX)).optional(),
});

/** Gives uses the version that is in use now where they name none; each template is read once.
 *  @returns what pins what has a use, and leaves the rest as it is. It throws InvalidInput when the template can't be used, naming
 *  the field below `path`. */
export function toPin(store: Store, workspaceId: string) {
  const templates = new Map<string, Promise<Template | undefined>>();
  return async <T extends { readonly template?: TemplateUse | undefined }>(given: T, path = "template"): Promise<T> => {
    const { template: use } = given;
    if (use === undefined) return given;
    const found = templates.get(use.template) ?? findTemplateHead(store, { workspaceId, templateId: use.template });
    templates.set(use.template, found);
    return { ...given, template: create(TemplateUseSchema, { ...use, version: toVersion(use, await found, path) }) };
  };
}

/** @throws InvalidInput */
function toVersion(use: TemplateUse, template: Template | undefined, path: string): number {
  const refuse = (field: string, description: string) =>
    new InvalidInput([{ field: `${path}.${field}`, description: `${show(use.template)} ${description}` }]);
  if (template === undefined) throw refuse("template", "is not there");
  if (template.state === TemplateState.ARCHIVED) throw refuse("template", "is archived");
  if (template.version === 0) throw refuse("template", "was never published");
  if (use.version > template.latestVersion)
    throw refuse("version", `has no version ${use.version}; its newest is ${template.latestVersion}`);
  return use.version || template.version;
}
