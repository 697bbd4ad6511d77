import type { Connection } from "./connection.ts";
import { InterventionClientError } from "./failure.ts";
import type { ClientEvent } from "./frame.ts";
import type { Report } from "./intervention.ts";
import { batchMax, type Outbox } from "./outbox.ts";
import { trackRequest } from "./post-track.ts";
import { type Clock, createTimers } from "./timers.ts";
import type { TokenSource } from "./token-source.ts";

export interface Tracker {
  add(report: Report): void;
  /** Reports delivered, unless that is on its way already. */
  acknowledge(interventionId: string): void;
  settle(refs: readonly string[]): void;
  fault(fault: { readonly reason: string; readonly message: string; readonly refs: readonly string[] }): void;
  /** Saves and sends at the end of this tick: what happens together travels together. A microtask, for
   *  timers of a hidden page may be held back for a minute. */
  soon(): void;
  flush(): void;
  /** Sends nothing again by itself until the next `soon`. */
  stop(): void;
  /** The page goes away, perhaps for good. */
  leave(): void;
}

export interface TrackerParts {
  readonly url: string;
  readonly connection: Pick<Connection, "isOpen" | "send">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly fetch: typeof fetch;
  readonly tokens: Pick<TokenSource, "peek">;
  /** A function, since another user's memory may take its place. */
  readonly outbox: () => Outbox;
  readonly save: () => void;
  readonly report: (error: InterventionClientError) => void;
}

/** An engine that is short of breath is asked again after one to five seconds, at random. */
const postponeMsMin = 1_000;
const postponeMsSpread = 4_000;

/** Gets tracking events to the engine, at least once each; the engine stores each once. */
export function createTracker(parts: TrackerParts): Tracker {
  const { clock, random, connection, report, outbox } = parts;
  const timers = createTimers<"resend">(clock);
  // Refs are unique among those of earlier pages too: theirs may wait in the same outbox, and a click's
  // ref is its name for ever. The time stands in for dice that are loaded, as some embedded browsers' are.
  const prefix = [random(), random()].reduce(
    (text, part) => text + part.toString(36).slice(2, 12),
    toBase36(clock.now()),
  );
  let count = 0;

  const flush = (): void => {
    parts.save();
    timers.cancelAll();
    if (!connection.isOpen) return;
    for (let events = outbox().take(clock.now()); events.length > 0; events = outbox().take(clock.now())) {
      connection.send({ track: { events } });
    }
    const next = outbox().nextSendAt(clock.now());
    if (next !== undefined) timers.set("resend", next - clock.now(), flush);
  };

  let isSoon = false;
  const soon = (): void => {
    if (isSoon) return;
    isSoon = true;
    queueMicrotask(() => {
      isSoon = false;
      flush();
    });
  };

  const add = ({ kind, interventionId, actionId }: Report): void => {
    count += 1;
    const ref = `${prefix}-${toBase36(count)}`;
    const event: ClientEvent = {
      ref,
      kind,
      interventionId,
      occurTime: new Date(clock.now()).toISOString(),
      ...(actionId === "" ? {} : { actionId }),
      // A click can happen again, so each needs a name of its own to be stored once.
      ...(kind === "EVENT_KIND_CLICKED" ? { clickId: ref } : {}),
    };
    const dropped = outbox().add(event);
    if (dropped !== undefined) {
      const what = `${dropped.kind} of ${dropped.interventionId}`;
      report(new InterventionClientError("OUTBOX_FULL", `too much waits to be sent: dropped ${what}`));
    }
    soon();
  };

  return {
    add,
    acknowledge: (interventionId) => {
      const kind = "EVENT_KIND_DELIVERED";
      if (!outbox().has(kind, interventionId)) add({ kind, interventionId, actionId: "" });
    },
    settle: (refs) => {
      outbox().settle(refs);
      soon();
    },
    fault: ({ reason, message, refs }) => {
      const isPassing = reason === "UNAVAILABLE" || reason === "RATE_LIMITED";
      if (isPassing) outbox().postpone(refs, clock.now() + postponeMsMin + random() * postponeMsSpread);
      else outbox().settle(refs);
      const own =
        reason === "TOKEN_REFUSED" ? reason : isPassing || refs.length === 0 ? "SERVER_FAULT" : "EVENT_REFUSED";
      report(new InterventionClientError(own, `${reason}: ${message}`));
      soon();
    },
    soon,
    flush,
    stop: () => timers.cancelAll(),
    leave: () => {
      flush();
      const token = parts.tokens.peek();
      const events = outbox().events().slice(-batchMax);
      if (token === undefined || events.length === 0) return;
      // What the socket has taken may die with the page; this request does not. The engine stores each
      // event once, and this page, should it come back, still waits for `tracked`.
      parts.fetch(`${parts.url}/v1/track`, trackRequest(token.value, events)).catch((cause: unknown) => {
        report(new InterventionClientError("SERVER_FAULT", `last words were not sent: ${String(cause)}`, { cause }));
      });
    },
  };
}

function toBase36(number: number): string {
  return Math.floor(number).toString(36);
}
