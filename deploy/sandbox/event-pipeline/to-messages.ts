import type { Purchase } from "../../../bench/cdnow.ts";
import { type Random, shuffled } from "../../../bench/random.ts";
import { type EncodedEvent, encodeCloudEvent } from "../cloud-event.ts";
import { type SessionEvent, toAbandonedSession, toSession } from "./to-session.ts";

/** How bad the sender is, each from 0, the default, to 1. */
export type Disturbances = {
  /** Purchases that are followed by a visit whose cart is left behind. */
  readonly abandonedShare?: number;
  /** Events beside which a malformed one is sent. */
  readonly malformedShare?: number;
  /** Events that are sent again at once, with the same id. */
  readonly duplicateShare?: number;
  /** Sessions whose events are sent in another order than that of their times. */
  readonly disorderedShare?: number;
};

export type PipelineMessage = EncodedEvent & {
  /** For the server's own de-duplication; a message that is sent twice on purpose has another one each time. */
  readonly messageId: string;
  readonly kind: "good" | "duplicate" | "malformed";
  readonly type: string;
};

const SOURCE = "/sandbox/event-pipeline";

/** The messages of one purchase.
 *  @param timeMs of its first event, Unix epoch; each later one happened a millisecond later. */
export function toMessages(
  purchase: Purchase,
  timeMs: number,
  random: Random,
  disturbances: Disturbances = {},
): PipelineMessage[] {
  const { abandonedShare = 0, malformedShare = 0, duplicateShare = 0, disorderedShare = 0 } = disturbances;
  // Every draw is made whatever the shares are, so that one share does not change what another leads to.
  const isAbandoned = random() < abandonedShare;
  const isDisordered = random() < disorderedShare;
  const events = [...toSession(purchase), ...(isAbandoned ? toAbandonedSession(purchase) : [])];
  const messages = events.map((event, i) => {
    const draws = { malformed: random() < malformedShare, duplicate: random() < duplicateShare };
    const good = toMessage(event, timeMs + i);
    return [
      good,
      ...(draws.duplicate ? [{ ...good, messageId: `${good.messageId}-again`, kind: "duplicate" as const }] : []),
      ...(draws.malformed ? [toMalformed(good, i)] : []),
    ];
  });
  return (isDisordered ? shuffled(messages, random) : messages).flat();
}

function toMessage({ id, type, userId, data }: SessionEvent, timeMs: number): PipelineMessage {
  const event = { id, source: SOURCE, type, subject: userId, time: new Date(timeMs).toISOString(), data };
  // Both modes are met all the time: which one follows from the last digit of the id.
  const encoded = encodeCloudEvent(event, timeMs % 2 === 0 ? "structured" : "binary");
  return { ...encoded, messageId: id, kind: "good", type };
}

/** Broken in turn: cut off, no JSON at all, a known type whose data lack everything. */
function toMalformed({ headers, body, messageId, type }: PipelineMessage, i: number): PipelineMessage {
  const broken = [body.slice(0, body.length >> 1), Buffer.from("not JSON"), Buffer.from("{}")][i % 3] ?? body;
  return { headers, body: broken, messageId: `${messageId}-malformed`, kind: "malformed", type };
}
