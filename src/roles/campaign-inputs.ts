import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { DecisionInput } from "../../gen/intervention/v1/decision_pb.js";
import type { DecideOptions, ToDecide } from "./decide.ts";

/** Records how the campaign stands that asked for it, since it is sent only while that runs; and of what has waited, and whose campaign
 *  drops it when its user orders, whether he has. */
export async function addCampaign(
  { campaigns, findOrders }: Pick<DecideOptions, "campaigns" | "findOrders">,
  input: DecisionInput,
  { message }: ToDecide,
  now: Date,
): Promise<void> {
  const { acceptTime, round, trigger, workspace, recipient } = message;
  if (trigger === undefined) return;
  input.trigger = trigger;
  input.campaignState = await campaigns.findState(workspace, trigger.campaign);
  if (round === 0 || acceptTime === undefined || findOrders === undefined) return;
  if ((await campaigns.findRules(workspace, trigger.campaign))?.dropOnOrder !== true) return;
  const [order] = await findOrders(workspace, recipient?.userId ?? "", timestampDate(acceptTime), now);
  if (order !== undefined) input.orderTime = timestampFromDate(order.placedAt);
}
