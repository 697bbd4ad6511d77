import { InvalidInput, NotFound } from "../domain/errors.ts";
import { show } from "./field-checks.ts";

const NAME = /^workspaces\/([^/]+)\/experiments\/([^/]+)$/;
const EXPERIMENT_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const isExperimentId = (id: string) => EXPERIMENT_ID.test(id);

/** The id of the experiment that a full name or an id alone stands for.
 *  @throws InvalidInput when it is neither; NotFound when it is in another workspace, or can't be an id of ours. */
export function parseExperimentName(name: string, workspaceId: string, field = "name"): string {
  const full = NAME.exec(name);
  const id = full === null ? name : full[2];
  if (id === undefined || id === "" || id.includes("/")) {
    const description = `${show(name)} is neither workspaces/{workspace}/experiments/{experiment} nor an experiment's id`;
    throw new InvalidInput([{ field, description }]);
  }
  if ((full !== null && full[1] !== workspaceId) || !isExperimentId(id)) throw new NotFound("experiment", id);
  return id;
}
