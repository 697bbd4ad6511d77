import type { CampaignTrigger } from "../../gen/intervention/v1/campaign_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { findSegment, type Store } from "../store/index.ts";
import { show } from "./field-checks.ts";

const FIELDS = {
  segmentEntered: "segment_entered",
  segmentLeft: "segment_left",
  audience: "audience.segment",
} as const;

/** Makes sure that the segment that a campaign waits for, or is sent to, is there.
 *  @throws InvalidInput when it is not, or nobody comes and goes any more. */
export async function requireTriggerSegment(
  store: Store,
  workspaceId: string,
  trigger: CampaignTrigger | undefined,
): Promise<void> {
  const { on } = trigger ?? {};
  if (on?.case !== "segmentEntered" && on?.case !== "segmentLeft" && on?.case !== "audience") return;
  const segmentId = on.case === "audience" ? on.value.segment : on.value;
  const segment = await findSegment(store, { workspaceId, segmentId });
  if (segment?.archived === false) return;
  const why = segment === undefined ? "is no segment of this workspace" : "is archived: nobody comes and goes any more";
  throw new InvalidInput([{ field: `campaign.trigger.${FIELDS[on.case]}`, description: `${show(segmentId)} ${why}` }]);
}
