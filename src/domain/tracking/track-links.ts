/** A message whose links lead past the engine. */
type Linked =
  | { readonly channel: "email"; readonly html: string; readonly text: string }
  | { readonly channel: "sms"; readonly text: string }
  | {
      readonly channel: "push";
      readonly url?: string;
      readonly actions: readonly { readonly id: string; readonly url?: string }[];
    }
  | { readonly channel: "webhook" };

/** Where links of one message lead instead. */
export type TrackedUrls = {
  /** @param actionId empty where the link has none. */
  readonly click: (url: string, actionId: string) => string;
  /** The picture that tells that an email was opened. */
  readonly pixel: string;
  /** The link that no reader sees. */
  readonly trap: string;
};

const HREF = /(<a\s[^>]*?href=")(https?:\/\/[^"]*)(")/gi;
/** Up to a character that ends a link in running text. */
const IN_TEXT = /https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]]/gi;

/** Has every http link of a message lead past the engine, but those that are kept, such as the one to unsubscribe; an email gets a picture
 *  and a link that no reader sees, by which programs give themselves away. */
export function trackLinks<T extends Linked>(message: T, urls: TrackedUrls, keep: readonly string[]): T {
  const toClick = (url: string, actionId = "") => (keep.includes(url) ? url : urls.click(url, actionId));
  switch (message.channel) {
    case "email": {
      const html = message.html.replaceAll(
        HREF,
        (_, before: string, url: string, after: string) => `${before}${toEscaped(toClick(toPlain(url)))}${after}`,
      );
      return {
        ...message,
        html: withHidden(html, urls),
        text: message.text.replaceAll(IN_TEXT, (url) => toClick(url)),
      };
    }
    case "sms":
      return { ...message, text: message.text.replaceAll(IN_TEXT, (url) => toClick(url)) };
    case "push":
      return {
        ...message,
        ...(message.url === undefined ? {} : { url: toClick(message.url) }),
        actions: message.actions.map((action) =>
          action.url === undefined ? action : { ...action, url: toClick(action.url, action.id) },
        ),
      };
    default:
      return message;
  }
}

function withHidden(html: string, { pixel, trap }: TrackedUrls): string {
  const hidden = `<a href="${toEscaped(trap)}" style="display:none" tabindex="-1" aria-hidden="true"></a><img src="${toEscaped(pixel)}" alt="" width="1" height="1" style="border:0">`;
  const end = html.toLowerCase().lastIndexOf("</body>");
  return end < 0 ? `${html}${hidden}` : `${html.slice(0, end)}${hidden}${html.slice(end)}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&#39;": "'",
  "&#x27;": "'",
  "&quot;": '"',
  "&lt;": "<",
  "&gt;": ">",
};
const toPlain = (text: string) =>
  text.replaceAll(/&(?:amp|#39|#x27|quot|lt|gt);/g, (entity) => ENTITIES[entity] ?? entity);
const toEscaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
