import { create } from "@bufbuild/protobuf";
import {
  type DeliveryMessage,
  DeliveryMessageSchema,
  InterventionMessageSchema,
} from "../../../gen/intervention/v1/bus_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { InvalidInput } from "../errors.ts";
import { type PublishedTemplate, type Rendered, renderTemplate } from "../template/index.ts";
import {
  type SenderSettings,
  toAction,
  toEscaped,
  toOutgoingContent,
  toReplyTo,
  toUnsubscribeHeaders,
} from "./to-outgoing.ts";

/** A message as providers take it, made of a template by what its decision recorded: every attempt says the same.
 *  @throws InvalidInput when the template comes to nothing that may be sent. */
export function toOutgoingTemplate(
  delivery: DeliveryMessage,
  template: PublishedTemplate | undefined,
  sender: SenderSettings,
): ReturnType<typeof toOutgoingContent> {
  const { intervention, channel } = delivery;
  if (template === undefined) throw new InvalidInput([{ field: "template", description: "this version is not there" }]);
  switch (channel) {
    case Channel.EMAIL: {
      const email = render(delivery, template, "email");
      return {
        channel: "email",
        from: sender.from,
        ...toReplyTo(sender),
        subject: email.subject,
        html: withFooter(email.html, sender.unsubscribeUrl),
        text: [email.text, sender.unsubscribeUrl ?? ""].filter((part) => part !== "").join("\n\n"),
        headers: toUnsubscribeHeaders(sender.unsubscribeUrl),
      };
    }
    case Channel.SMS:
      return { channel: "sms", from: sender.from, text: render(delivery, template, "sms").text };
    case Channel.PUSH: {
      const { title, body, url, imageUrl, actions, data } = render(delivery, template, "push");
      return {
        channel: "push",
        title,
        body,
        ...(imageUrl === "" ? {} : { imageUrl }),
        ...(url === "" ? {} : { url }),
        actions: actions.map(toAction),
        data: {
          ...data,
          intervention_id: intervention?.interventionId ?? "",
          campaign: intervention?.campaign ?? "",
        },
      };
    }
    default:
      return toOutgoingContent(withContent(delivery), sender);
  }
}

/** One part, and only it. */
function render<P extends "email" | "sms" | "push">(
  { template: input }: DeliveryMessage,
  template: PublishedTemplate,
  part: P,
): NonNullable<Rendered[P]> {
  const { variables = {}, locale = "", timeZone = "UTC" } = input ?? {};
  const rendered = renderTemplate(template, { variables, locale, timeZone, parts: new Set([part]) })[part];
  if (rendered === undefined || rendered === null)
    throw new InvalidInput([{ field: part, description: "the template has no such part in the user's language" }]);
  return rendered;
}

/** What was rendered when it was decided, in the place of content. */
function withContent({ intervention, ...delivery }: DeliveryMessage): DeliveryMessage {
  const content = delivery.template?.content;
  return create(DeliveryMessageSchema, {
    ...delivery,
    ...(intervention && {
      intervention: create(InterventionMessageSchema, { ...intervention, ...(content && { content }) }),
    }),
  });
}

function withFooter(html: string, unsubscribeUrl: string | undefined): string {
  if (unsubscribeUrl === undefined) return html;
  const footer = `<p style="font-size:.8em"><a href="${toEscaped(unsubscribeUrl)}">Unsubscribe</a></p>`;
  const end = html.toLowerCase().lastIndexOf("</body>");
  return end < 0 ? `${html}${footer}` : `${html.slice(0, end)}${footer}${html.slice(end)}`;
}
