import type { OutgoingContent, OutgoingMessage, OutsideChannel } from "../provider.ts";

const CONTENT: { readonly [C in OutsideChannel]: Extract<OutgoingContent, { channel: C }> } = {
  email: {
    channel: "email",
    from: "Möbel & Söhne <shop@shop.example>",
    subject: "Ihr Warenkorb: 2 Stühle für 99 €",
    html: "<p>Noch da? <b>Größe</b></p>",
    text: "Noch da? Größe",
    headers: {
      "List-Unsubscribe": "<https://shop.example/u/abc>",
      "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
  },
  sms: { channel: "sms", from: "Shop", text: "Hello" },
  push: {
    channel: "push",
    title: "Still there?",
    body: "Your cart is saved.",
    url: "https://shop.example/cart",
    actions: [{ id: "open", label: "Open", url: "https://shop.example/cart" }],
    data: { intervention_id: "iv1" },
  },
  webhook: { channel: "webhook", body: '{"intervention_id":"iv1"}' },
};

/** A message on its first attempt. */
export function outgoing<C extends OutsideChannel>(
  channel: C,
  to: string,
  more: {
    readonly n?: number;
    readonly attempt?: number;
    readonly content?: Partial<Extract<OutgoingContent, { channel: C }>>;
  } = {},
): OutgoingMessage {
  const { n = 1, attempt = 1, content = {} } = more;
  return {
    ...{ workspaceId: "main", deliveryId: `iv${n}:${channel}`, attempt, to },
    content: { ...CONTENT[channel], ...content } as OutgoingContent,
  };
}

export const inTime = (ms = 10_000) => AbortSignal.timeout(ms);
