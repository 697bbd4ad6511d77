import type { InterventionMessage } from "../../../gen/intervention/v1/bus_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import type { TemplateInput } from "../../../gen/intervention/v1/template_input_pb.js";
import { countSmsSegments } from "../template/index.ts";
import { toShortText } from "./to-outgoing.ts";

/** What a provider takes for a message, of SMS for a segment. */
export type ProviderCost = { readonly currency: string; readonly micros: number };

/** How many times a provider's cost a message costs: an SMS for each of its segments, anything else once.
 *  @param template what it is rendered from, once that is known; an SMS that is not rendered yet counts as one. */
export function toCostTimes(
  channel: Channel,
  { content, rendered, template: use }: Pick<InterventionMessage, "content" | "rendered" | "template">,
  template: TemplateInput | undefined,
): number {
  if (channel !== Channel.SMS) return 1;
  if (rendered?.sms !== undefined) return Math.max(1, rendered.sms.segments);
  if (use !== undefined || template !== undefined) return Math.max(1, template?.smsSegments ?? 1);
  return content === undefined ? 1 : Math.max(1, countSmsSegments(toShortText(content)).segments);
}
