import { InvalidInput, NotFound } from "../domain/errors.ts";
import { show } from "./field-checks.ts";

const NAME = /^workspaces\/([^/]+)\/templates\/([^/]+)$/;
const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Of templates, and of pools of codes. */
export const isTemplateId = (id: string) => ID.test(id);

export const toTemplateName = (workspaceId: string, templateId: string) =>
  `workspaces/${workspaceId}/templates/${templateId}`;

/** The id of the template that a full name or an id alone stands for.
 *  @throws InvalidInput when it is neither; NotFound when it is in another workspace, or can't be an id of ours. */
export function parseTemplateName(name: string, workspaceId: string, field = "name"): string {
  const full = NAME.exec(name);
  const id = full === null ? name : full[2];
  if (id === undefined || id === "" || id.includes("/")) {
    const description = `${show(name)} is neither workspaces/{workspace}/templates/{template} nor a template's id`;
    throw new InvalidInput([{ field, description }]);
  }
  if ((full !== null && full[1] !== workspaceId) || !isTemplateId(id)) throw new NotFound("template", id);
  return id;
}
