import type { ClientEvent, EventKind } from "./frame.ts";

/** The engine's own limit for one track frame. */
export const batchMax = 100;
/** About 200 KB of session storage at worst. */
const outboxMax = 1_000;
/** So many wait for their `tracked` at once: two full frames keep the line busy without flooding a
 *  gateway that a whole audience has just come back to. */
const inFlightMax = 200;
/** A `tracked` that takes this long on a living connection is not coming any more. */
const ackWaitMs = 15_000;

/** When there is no room, what matters least goes first: a click is the user's own act, delivered is
 *  the acknowledgement, and displayed can often be inferred from what follows it. */
const dropOrder: readonly EventKind[] = [
  "EVENT_KIND_DISPLAYED",
  "EVENT_KIND_DISMISSED",
  "EVENT_KIND_DELIVERED",
  "EVENT_KIND_CLICKED",
];

/** Tracking events on their way to the engine. Each stays until a `tracked` names it:
 *
 *   add → waiting ──take──► in flight ──settle──► gone
 *            ▲                  │
 *            └─ connection lost, fault, or no `tracked` for 15 s
 */
export class Outbox {
  /** By ref, oldest first; with the time from which the event may be sent (again). */
  readonly #entries = new Map<string, { readonly event: ClientEvent; sendAt: number }>();

  constructor(events: Iterable<ClientEvent> = []) {
    for (const event of events) this.add(event);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns the event that was dropped to make room, if any. */
  add(event: ClientEvent): ClientEvent | undefined {
    this.#entries.set(event.ref, { event, sendAt: 0 });
    if (this.#entries.size <= outboxMax) return undefined;
    const dropped = this.#leastValuable();
    if (dropped !== undefined) this.#entries.delete(dropped.ref);
    return dropped;
  }

  has(kind: EventKind, interventionId: string): boolean {
    for (const { event } of this.#entries.values()) {
      if (event.interventionId === interventionId && event.kind === kind) return true;
    }
    return false;
  }

  /** Up to one frame of events that may be sent now, oldest first; they are in flight from here on. */
  take(now: number): ClientEvent[] {
    let room = inFlightMax;
    for (const entry of this.#entries.values()) if (entry.sendAt > now) room -= 1;
    const limit = Math.min(room, batchMax);
    const events: ClientEvent[] = [];
    for (const entry of this.#entries.values()) {
      if (events.length >= limit) break;
      if (entry.sendAt > now) continue;
      entry.sendAt = now + ackWaitMs;
      events.push(entry.event);
    }
    return events;
  }

  /** They are on disk, or will never be taken. */
  settle(refs: readonly string[]): void {
    for (const ref of refs) this.#entries.delete(ref);
  }

  /** The engine could not take them just now: not before `sendAt` again. */
  postpone(refs: readonly string[], sendAt: number): void {
    for (const ref of refs) {
      const entry = this.#entries.get(ref);
      if (entry !== undefined) entry.sendAt = sendAt;
    }
  }

  /** The connection they went out on is gone, perhaps with them: all may be sent at once. */
  rewind(): void {
    for (const entry of this.#entries.values()) entry.sendAt = 0;
  }

  /** When something in flight is due to be sent again; undefined when nothing is in flight. */
  nextSendAt(now: number): number | undefined {
    let next: number | undefined;
    for (const { sendAt } of this.#entries.values()) {
      if (sendAt > now && (next === undefined || sendAt < next)) next = sendAt;
    }
    return next;
  }

  events(): ClientEvent[] {
    return [...this.#entries.values()].map(({ event }) => event);
  }

  #leastValuable(): ClientEvent | undefined {
    for (const kind of dropOrder) {
      for (const { event } of this.#entries.values()) if (event.kind === kind) return event;
    }
    return undefined;
  }
}
