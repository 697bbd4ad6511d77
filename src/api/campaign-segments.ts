import type { CampaignTrigger } from "../../gen/intervention/v1/campaign_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { findSegment, type Store } from "../store/index.ts";
import { show } from "./field-checks.ts";

const FIELDS = { segmentEntered: "segment_entered", segmentLeft: "segment_left" } as const;

/** Makes sure that the segment that a campaign waits for is there.
 *  @throws InvalidInput when it is not, or nobody comes and goes any more. */
export async function requireTriggerSegment(
  store: Store,
  workspaceId: string,
  trigger: CampaignTrigger | undefined,
): Promise<void> {
  const { on } = trigger ?? {};
  if (on?.case !== "segmentEntered" && on?.case !== "segmentLeft") return;
  const segment = await findSegment(store, { workspaceId, segmentId: on.value });
  if (segment?.archived === false) return;
  const why = segment === undefined ? "is no segment of this workspace" : "is archived: nobody comes and goes any more";
  throw new InvalidInput([{ field: `campaign.trigger.${FIELDS[on.case]}`, description: `${show(on.value)} ${why}` }]);
}
