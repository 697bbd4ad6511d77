import { InvalidInput, NotFound } from "../domain/errors.ts";
import { show } from "./field-checks.ts";

const NAME = /^workspaces\/([^/]+)\/segments\/([^/]+)$/;
const SEGMENT_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const isSegmentId = (id: string) => SEGMENT_ID.test(id);

export const toSegmentName = (workspaceId: string, segmentId: string) =>
  `workspaces/${workspaceId}/segments/${segmentId}`;

/** The id of the segment that a full name or an id alone stands for.
 *  @throws InvalidInput when it is neither; NotFound when it is in another workspace, or can't be an id of ours. */
export function parseSegmentName(name: string, workspaceId: string, field = "name"): string {
  const full = NAME.exec(name);
  const id = full === null ? name : full[2];
  if (id === undefined || id === "" || id.includes("/")) {
    const description = `${show(name)} is neither workspaces/{workspace}/segments/{segment} nor a segment's id`;
    throw new InvalidInput([{ field, description }]);
  }
  if ((full !== null && full[1] !== workspaceId) || !isSegmentId(id)) throw new NotFound("segment", id);
  return id;
}
