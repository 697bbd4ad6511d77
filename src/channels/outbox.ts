import { z } from "zod";
import { insertOutbox, type Store, toPosition } from "../store/index.ts";
import { type KnownProvider, toKnownProvider } from "./known-provider.ts";
import type { OutgoingMessage, OutsideChannel, SendResult } from "./provider.ts";

/** Keeps messages in the store in place of sending them, for development: what would have gone out can be looked at. */
export function outboxProviders(store: Store): readonly KnownProvider[] {
  return (["email", "sms", "push", "webhook"] as const).map((channel) =>
    toKnownProvider({
      name: "outbox",
      channel,
      credential: z.object({}),
      limits: { batchMax: 500, ratePerS: 100_000, concurrency: 4, messageBytesMax: 1_048_576, timeoutMs: 10_000 },
      open: () => ({
        check: async () => ({ ok: true }),
        send: (messages) => keep(store, messages),
        close: async () => undefined,
      }),
    }),
  );
}

async function keep(store: Store, messages: readonly OutgoingMessage<OutsideChannel>[]): Promise<SendResult[]> {
  const at = new Date();
  const ids = messages.map(({ deliveryId, attempt }) => `${deliveryId}:${attempt}`);
  try {
    await insertOutbox(
      store,
      messages.map(({ workspaceId, to, content }, index) => ({
        ...{ _id: ids[index] ?? "", workspaceId, at, to },
        position: toPosition(at, ids[index]),
        channel: content.channel,
        content: JSON.stringify(content),
      })),
    );
    return ids.map((id) => ({ kind: "sent", providerMessageId: id }));
  } catch {
    // Kept or not, doing it again does no harm.
    return ids.map(() => ({ kind: "retry", reason: "the store does not answer" }));
  }
}
