import { InvalidInput, NotFound } from "../domain/errors.ts";
import { show } from "./field-checks.ts";

const PARENT = /^workspaces\/([^/]+)$/;
const NAME = /^workspaces\/([^/]+)\/interventions\/([^/]+)$/;
const INTERVENTION_ID = /^[a-z2-7]{26}$/;

export const toInterventionName = (workspaceId: string, interventionId: string) =>
  `workspaces/${workspaceId}/interventions/${interventionId}`;

/** Lets a request name the caller's own workspace, or none.
 *  @throws InvalidInput when it names no workspace; NotFound when it names another: whether that exists is nobody's business. */
export function requireParent(parent: string, workspaceId: string, field = "parent"): void {
  if (parent === "") return;
  const named = PARENT.exec(parent)?.[1];
  if (named === undefined)
    throw new InvalidInput([{ field, description: `${show(parent)} is not workspaces/{workspace}` }]);
  if (named !== workspaceId) throw new NotFound("workspace", named);
}

/** The id of the intervention that a full name or an id alone stands for.
 *  @throws InvalidInput when it is neither; NotFound when it is in another workspace, or can't be an id of ours. */
export function parseInterventionName(name: string, workspaceId: string): string {
  const full = NAME.exec(name);
  const id = full === null ? name : full[2];
  if (id === undefined || id === "" || id.includes("/")) {
    const description = `${show(name)} is neither workspaces/{workspace}/interventions/{intervention} nor an intervention's id`;
    throw new InvalidInput([{ field: "name", description }]);
  }
  if ((full !== null && full[1] !== workspaceId) || !INTERVENTION_ID.test(id)) throw new NotFound("intervention", id);
  return id;
}
