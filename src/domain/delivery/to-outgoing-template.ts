import { create } from "@bufbuild/protobuf";
import {
  type DeliveryMessage,
  DeliveryMessageSchema,
  InterventionMessageSchema,
} from "../../../gen/intervention/v1/bus_pb.js";
import { Channel } from "../../../gen/intervention/v1/intervention_pb.js";
import { InvalidInput } from "../errors.ts";
import { type PublishedTemplate, type Rendered, renderTemplate, withDelivery } from "../template/index.ts";
import {
  type SenderSettings,
  toAction,
  toEscaped,
  toOutgoingContent,
  toReplyTo,
  toUnsubscribeFooter,
  toUnsubscribeHeaders,
} from "./to-outgoing.ts";

type Outgoing = ReturnType<typeof toOutgoingContent>;

/** A message as providers take it, made of a template by what its decision recorded: every attempt says the same.
 *  @throws InvalidInput when the template comes to nothing that may be sent. */
export function toOutgoingTemplate(
  delivery: DeliveryMessage,
  template: PublishedTemplate | undefined,
  sender: SenderSettings,
): Outgoing {
  if (template === undefined) throw new InvalidInput([{ field: "template", description: "this version is not there" }]);
  const part = PARTS.get(delivery.channel);
  if (part === undefined) return toOutgoingContent(withContent(delivery), sender);
  const { variables = {}, locale = "", timeZone = "UTC" } = delivery.template ?? {};
  const known = withDelivery(template.variables, variables, { unsubscribeUrl: sender.unsubscribeUrl });
  const rendered = renderTemplate(template, { variables: known, locale, timeZone, parts: new Set([part]) });
  return toOutgoingRendered(delivery, rendered, sender);
}

const PARTS: ReadonlyMap<Channel, "email" | "sms" | "push"> = new Map([
  [Channel.EMAIL, "email"],
  [Channel.SMS, "sms"],
  [Channel.PUSH, "push"],
]);

type Parts = {
  readonly email?: Rendered["email"] | undefined;
  readonly sms?: { readonly text: string } | undefined;
  readonly push?: Rendered["push"] | undefined;
};

/** The same of what a template came to already.
 *  @throws InvalidInput when it has no part for the delivery's channel. */
export function toOutgoingRendered(
  { intervention, channel, template }: DeliveryMessage,
  { email, sms, push }: Parts,
  sender: SenderSettings,
): Outgoing {
  if (channel === Channel.EMAIL && email)
    return {
      channel: "email",
      from: sender.from,
      ...toReplyTo(sender),
      subject: email.subject,
      html: withFooter(email.html, sender.unsubscribeUrl, template?.variant || intervention?.recipient?.locale || ""),
      text: withLine(email.text, sender.unsubscribeUrl),
      headers: toUnsubscribeHeaders(sender.unsubscribeUrl),
    };
  if (channel === Channel.SMS && sms) return { channel: "sms", from: sender.from, text: sms.text };
  if (channel === Channel.PUSH && push)
    return {
      channel: "push",
      title: push.title,
      body: push.body,
      ...(push.imageUrl === "" ? {} : { imageUrl: push.imageUrl }),
      ...(push.url === "" ? {} : { url: push.url }),
      actions: push.actions.map(toAction),
      data: {
        ...push.data,
        intervention_id: intervention?.interventionId ?? "",
        campaign: intervention?.campaign ?? "",
      },
    };
  const description = `the template has no part for ${Channel[channel]} in the user's language`;
  throw new InvalidInput([{ field: "channel", description }]);
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

function withLine(text: string, unsubscribeUrl: string | undefined): string {
  if (unsubscribeUrl === undefined || text.includes(unsubscribeUrl)) return text;
  return [text, unsubscribeUrl].filter((part) => part !== "").join("\n\n");
}

/** A marketing email has a way out of it: the engine's own where its template has none. */
function withFooter(html: string, unsubscribeUrl: string | undefined, locale: string): string {
  if (unsubscribeUrl === undefined || html.includes(toEscaped(unsubscribeUrl))) return html;
  const footer = toUnsubscribeFooter(unsubscribeUrl, locale);
  const end = html.toLowerCase().lastIndexOf("</body>");
  return end < 0 ? `${html}${footer}` : `${html.slice(0, end)}${footer}${html.slice(end)}`;
}
