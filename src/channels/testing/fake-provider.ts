import { z } from "zod";
import { type KnownProvider, toKnownProvider } from "../known-provider.ts";
import type { OutgoingMessage, OutsideChannel, SendResult } from "../provider.ts";

/** A provider whose answers a test chooses, and which remembers what it was asked to send. */
export class FakeProvider {
  /** Every message, in the order of the calls. */
  readonly sent: OutgoingMessage[] = [];
  /** Answers one message; may wait. Default: it is sent. */
  answer: (message: OutgoingMessage) => Promise<SendResult> | SendResult = ({ deliveryId, attempt }) => ({
    kind: "sent",
    providerMessageId: `fake-${deliveryId}-${attempt}`,
  });
  /** What a live check says of a credential. */
  isAccepted: (credential: { readonly secret: string }) => boolean = () => true;
  readonly known: KnownProvider;

  constructor(name: string, channel: OutsideChannel = "email", limits: Partial<KnownProvider["limits"]> = {}) {
    this.known = toKnownProvider({
      name,
      channel,
      hasCallbacks: true,
      credential: z.object({ secret: z.string().min(1) }),
      limits: {
        ...{ batchMax: 100, ratePerS: 100_000, concurrency: 4, messageBytesMax: 1_000_000, timeoutMs: 2_000 },
        ...limits,
      },
      open: (credential) => ({
        check: async () =>
          this.isAccepted(credential) ? { ok: true } : { ok: false, reason: "535 5.7.8 not accepted" },
        send: (messages) =>
          Promise.all(
            messages.map((message) => {
              this.sent.push(message);
              return this.answer(message);
            }),
          ),
        close: async () => undefined,
      }),
    });
  }

  /** To whom it sent, in alphabetical order. */
  get recipients(): string[] {
    return this.sent.map(({ to }) => to).sort((a, b) => a.localeCompare(b));
  }
}
