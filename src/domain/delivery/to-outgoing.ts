import { toJson } from "@bufbuild/protobuf";
import type { DeliveryMessage } from "../../../gen/intervention/v1/bus_pb.js";
import type { SentProduct } from "../../../gen/intervention/v1/catalog_pb.js";
import { Channel, type Content, ContentSchema } from "../../../gen/intervention/v1/intervention_pb.js";
import type { Money } from "../../../gen/intervention/v1/shopper_pb.js";
import { InvalidInput } from "../errors.ts";
import { findLanguage } from "../spoken-language.ts";
import { UNSUBSCRIBE_LABELS } from "./unsubscribe-labels.ts";

/** What the account that sends it adds. */
export type SenderSettings = {
  /** An email address, or an SMS sender's number or name. */
  readonly from: string;
  /** Empty: none. */
  readonly replyTo: string;
  /** Where its reader unsubscribes, of email that needs it. */
  readonly unsubscribeUrl?: string | undefined;
};

type Action = { readonly id: string; readonly label: string; readonly url?: string };

/** A message as providers take it, made of the content that its sender gave: text where a channel has text, and for email a plain
 *  layout in which everything is escaped.
 *  @throws InvalidInput when there is nothing to make it of. */
export function toOutgoingContent(delivery: DeliveryMessage, sender: SenderSettings) {
  const { intervention, channel, products } = delivery;
  const content = intervention?.content;
  if (intervention === undefined || content === undefined)
    throw new InvalidInput([{ field: "content", description: "it is missing" }]);
  const locale = intervention.recipient?.locale || "en";
  const offers = products.map((product) => toOffer(product, locale));
  switch (channel) {
    case Channel.EMAIL:
      return {
        channel: "email",
        from: sender.from,
        ...toReplyTo(sender),
        subject: toOneLine(content.title),
        html: toHtml(content, { offers, locale, unsubscribeUrl: sender.unsubscribeUrl }),
        text: [
          content.title,
          content.body,
          ...offers.map(toOfferText),
          ...content.actions.map(toActionText),
          sender.unsubscribeUrl ?? "",
        ]
          .filter((part) => part !== "")
          .join("\n\n"),
        headers: toUnsubscribeHeaders(sender.unsubscribeUrl),
      } as const;
    case Channel.SMS:
      return { channel: "sms", from: sender.from, text: toShortText(content) } as const;
    case Channel.PUSH:
      return {
        channel: "push",
        title: content.title,
        body: content.body,
        ...(content.imageUrl === "" ? {} : { imageUrl: content.imageUrl }),
        ...toFirstUrl(content),
        actions: content.actions.map(toAction),
        data: { intervention_id: intervention.interventionId, campaign: intervention.campaign },
      } as const;
    case Channel.WEBHOOK:
      return {
        channel: "webhook",
        body: JSON.stringify({
          intervention_id: intervention.interventionId,
          user_id: intervention.recipient?.userId ?? "",
          campaign: intervention.campaign,
          content: toJson(ContentSchema, content),
          products: offers,
        }),
      } as const;
    default:
      throw new InvalidInput([{ field: "channel", description: `${Channel[channel]} has no provider` }]);
  }
}

type Offer = { readonly title: string; readonly price: string; readonly link: string };

function toOffer({ title, price, salePrice, link }: SentProduct, locale: string): Offer {
  return { title, price: toMoneyText(salePrice ?? price, locale), link };
}

function toMoneyText(money: Money | undefined, locale: string): string {
  if (money === undefined) return "";
  const format = new Intl.NumberFormat(locale, { style: "currency", currency: money.currency });
  return format.format(Number(money.minor) / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const toOfferText = ({ title, price, link }: Offer) => [title, price, link].filter((part) => part !== "").join("\n");
const toActionText = ({ label, url }: Action) => (url === undefined || url === "" ? "" : `${label}: ${url}`);
export const toAction = ({ id, label, url }: Action): Action => ({ id, label, ...(url ? { url } : {}) });

/** Where a tap leads: the first action that leads anywhere. */
function toFirstUrl({ actions }: Content): { readonly url?: string } {
  const url = actions.find((action) => action.url !== "")?.url;
  return url === undefined ? {} : { url };
}

/** What an SMS says of a content. */
export const toShortText = (content: Content) =>
  [content.title, content.body, toFirstUrl(content).url ?? ""].filter((part) => part !== "").join("\n");

/** A subject is one line; what would end it is a space. */
const toOneLine = (text: string) => text.replaceAll(/\p{Cc}+/gu, " ").trim();

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML, in elements and in quoted attributes. */
export const toEscaped = (text: string) => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);

const isHttp = (url: string) => /^https?:\/\//i.test(url);

export const toReplyTo = ({ replyTo }: SenderSettings): { readonly replyTo?: string } =>
  replyTo === "" ? {} : { replyTo };

/** By which mail programs show a button of their own (RFC 2369 and RFC 8058). */
export const toUnsubscribeHeaders = (url: string | undefined): Readonly<Record<string, string>> =>
  url === undefined ? {} : { "List-Unsubscribe": `<${url}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" };

/** The same for a reader whose program has none, in the language of the message. */
export function toUnsubscribeFooter(url: string, locale: string): string {
  const language = findLanguage(locale) ?? "en";
  const label = toEscaped(UNSUBSCRIBE_LABELS[language]);
  return `<p style="font-size:.8em"><a href="${toEscaped(url)}" lang="${language}">${label}</a></p>`;
}

type Layout = {
  readonly offers: readonly Offer[];
  readonly locale: string;
  readonly unsubscribeUrl: string | undefined;
};

function toHtml(content: Content, { offers, locale, unsubscribeUrl }: Layout) {
  const paragraphs = content.body
    .split(/\n{2,}/)
    .filter((part) => part.trim() !== "")
    .map((part) => `<p>${toEscaped(part).replaceAll("\n", "<br>")}</p>`);
  const image = isHttp(content.imageUrl)
    ? [`<p><img src="${toEscaped(content.imageUrl)}" alt="" style="max-width:100%;height:auto"></p>`]
    : [];
  const links = content.actions
    .filter(({ url }) => isHttp(url))
    .map(({ label, url }) => `<p><a href="${toEscaped(url)}">${toEscaped(label)}</a></p>`);
  const named = offers.map(({ title, price, link }) => {
    const name = isHttp(link) ? `<a href="${toEscaped(link)}">${toEscaped(title)}</a>` : toEscaped(title);
    return `<p>${name}${price === "" ? "" : ` ${toEscaped(price)}`}</p>`;
  });
  return [
    "<!doctype html>",
    `<html lang="${toEscaped(locale)}"><head><meta charset="utf-8"><title>${toEscaped(content.title)}</title></head>`,
    '<body style="font-family:sans-serif;line-height:1.5;max-width:40em;margin:1em auto;padding:0 1em">',
    `<h1 style="font-size:1.4em">${toEscaped(content.title)}</h1>`,
    ...image,
    ...paragraphs,
    ...named,
    ...links,
    ...(unsubscribeUrl === undefined ? [] : [toUnsubscribeFooter(unsubscribeUrl, locale)]),
    "</body></html>",
  ].join("\n");
}
