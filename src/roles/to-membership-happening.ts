import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type MembershipChange, MembershipChangeSchema } from "../../gen/intervention/v1/campaign_pb.js";
import type { Occasion } from "../integrations/campaign-directory.ts";
import type { SegmentChange } from "./segment-members.ts";
import type { Happening } from "./triggers.ts";

/** That somebody came into a segment or left it, as something that campaigns wait for. A change that is told again has the same number,
 *  and so the same id. */
export function toMembershipHappening(
  { workspaceId, userId, segmentId, isIn, changes }: SegmentChange,
  at: Date,
): Happening {
  const membership = create(MembershipChangeSchema, {
    ...{ segment: segmentId, isMember: isIn, changeTime: timestampFromDate(at) },
  });
  const id = `membership/${segmentId}/${changes}/${userId}`;
  return { workspaceId, userId, at, id, occasion: toMembershipOccasion(membership), membership };
}

/** What waits for such a change. */
export const toMembershipOccasion = ({ segment, isMember }: MembershipChange): Occasion => ({
  case: isMember ? "segmentEntered" : "segmentLeft",
  value: segment,
});
