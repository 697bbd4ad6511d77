import { createConnection } from "./connection.ts";
import { createEmitter, type Listener } from "./emitter.ts";
import { InterventionClientError } from "./failure.ts";
import type { InterventionFrame, ServerFrame, WelcomeFrame } from "./frame.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { takeBack, takeIn } from "./intake.ts";
import { type Intervention, type Report, type Touchpoint, toIntervention, toReport } from "./intervention.ts";
import { advance, newMemory } from "./memory.ts";
import { createMemoryKeeper } from "./memory-keeper.ts";
import { type InterventionClientOptions, toParts } from "./options.ts";
import { watchPage } from "./page.ts";
import { createPlacements, type Placements } from "./placements.ts";
import type { ConnectionState } from "./session-state.ts";
import { createTokenSource } from "./token-source.ts";
import { createTracker } from "./tracker.ts";
import { toTransportOpener } from "./transport-opener.ts";

/** For the gateway's logs. */
const clientName = "intervention-client/0.1";

export interface InterventionClientEvents {
  /** Something to show: called once for each, however often the network repeats it. When the listener
   *  returns, the intervention is acknowledged; when it throws, it is not, and waits in the inbox. */
  intervention: Intervention;
  /** Take it off the screen, if it is there. */
  revoke: { readonly id: string };
  /** Look at the inbox again: after each connection (with the count), and when it has something new. */
  inbox: { readonly unreadCount: number | undefined; readonly interventionId: string | undefined };
  state: ConnectionState;
  /** Connected. `isRecovered` false after a break: what was sent meanwhile is in the inbox at best. */
  welcome: { readonly sessionId: string; readonly isRecovered: boolean };
  /** Without a listener, errors go to the console. None of them stops the client but PROTOCOL_ERROR. */
  error: InterventionClientError;
}

export interface InterventionClient {
  readonly inbox: Inbox;
  readonly placements: Placements;
  readonly state: ConnectionState;
  /** Whose interventions these are, by the token; empty before the first connection, or when the token is no JWT. */
  readonly owner: string;
  /** How many tracking events still wait for the engine. */
  readonly unsentCount: number;
  /** Listen before `connect()`: an intervention that nobody listens for is not acknowledged.
   *  @returns a function that takes the listener away again. */
  on<Name extends keyof InterventionClientEvents>(
    name: Name,
    listener: Listener<InterventionClientEvents[Name]>,
  ): () => void;
  connect(): void;
  /** Sends what it can and ends the connection. `connect()` goes on from here. */
  close(): void;
  /** Reports a touchpoint of something that came by another way, such as an inbox item. */
  track(touchpoint: Touchpoint, interventionId: string, actionId?: string): void;
}

/** @throws TypeError when there is no transport to be had; see `InterventionClientOptions.webSocket`. */
export function createInterventionClient(options: InterventionClientOptions): InterventionClient {
  const parts = toParts(options);
  const { url, clock, random, page } = parts;
  const emitter = createEmitter<InterventionClientEvents>();
  const tokens = createTokenSource(parts.token, () => clock.now());

  const report = (error: InterventionClientError): void => {
    const { calls, errors } = emitter.emit("error", error);
    if (calls === 0) console.warn(error);
    // Nobody is left to be told but the page's own handler of uncaught errors.
    for (const thrown of errors) queueMicrotask(() => throwIt(thrown));
  };
  const tell = <Name extends keyof InterventionClientEvents>(
    name: Name,
    value: InterventionClientEvents[Name],
  ): boolean => {
    const { calls, errors } = emitter.emit(name, value);
    for (const cause of errors) {
      report(
        new InterventionClientError("LISTENER_FAILED", `a listener of "${name}" threw: ${String(cause)}`, { cause }),
      );
    }
    return calls > errors.length;
  };

  const keeper = createMemoryKeeper({
    storage: parts.storage,
    key: `intervention:${url}`,
    // The first is loaded before anybody can listen.
    report: (error) => queueMicrotask(() => report(error)),
  });
  let memory = keeper.load();
  let state: ConnectionState = "closed";
  let welcome: WelcomeFrame | undefined;

  const connection = createConnection({
    url,
    mode: parts.mode,
    clientName,
    tokens,
    clock,
    random,
    report,
    openTransport: toTransportOpener(parts),
    resumeFor: (owner) => {
      // Another user in the same tab gets nothing of the one before: no offset, no unsent clicks.
      if (memory.owner !== owner && memory.owner !== "") memory = newMemory(owner);
      memory.owner = owner;
      return memory.resume;
    },
    stateChanged: (next) => {
      state = next;
      tell("state", next);
      if (next !== "open" || welcome === undefined) return;
      const { sessionId, isRecovered, unreadCount } = welcome;
      tell("welcome", { sessionId, isRecovered });
      tell("inbox", { unreadCount, interventionId: undefined });
      tracker.soon();
    },
    received: (frame) => receive(frame),
  });

  const tracker = createTracker({
    url,
    connection,
    clock,
    random,
    fetch: parts.fetch,
    tokens,
    outbox: () => memory.outbox,
    save: () => keeper.save(memory),
    report,
  });
  const track = (touchpoint: Report) => tracker.add(touchpoint);

  const receive = (frame: ServerFrame): void => {
    switch (frame.kind) {
      case "welcome":
        welcome = frame;
        // Recovered, what is missing follows: our own offset stays true until it has come. Else the
        // history begins anew where the engine says.
        if (!frame.isRecovered || memory.resume?.epoch !== frame.epoch) {
          memory.resume = { epoch: frame.epoch, offset: frame.offset };
        }
        memory.outbox.rewind();
        return;
      case "intervention":
        show(frame);
        return;
      case "revoke":
        if (takeBack(memory, frame)) tell("revoke", { id: frame.interventionId });
        tracker.soon();
        return;
      case "inboxChanged":
        advance(memory, frame.offset);
        tell("inbox", { unreadCount: undefined, interventionId: frame.interventionId });
        tracker.soon();
        return;
      case "tracked":
        tracker.settle(frame.refs);
        return;
      case "fault":
        tracker.fault(frame);
        return;
      default:
        // The connection's own frames, and those of a newer engine.
        return;
    }
  };

  const show = (frame: InterventionFrame): void => {
    const intake = takeIn(memory, frame, connection.serverNow());
    if (intake.kind === "show") {
      const isTaken = tell("intervention", toIntervention(frame, track));
      intake.settle(isTaken);
      if (isTaken) tracker.acknowledge(frame.interventionId);
    } else if (intake.kind === "repeat") tracker.acknowledge(frame.interventionId);
    tracker.soon();
  };

  let stopWatching: (() => void) | undefined;
  return {
    inbox: createInbox({ url, tokens, fetch: parts.fetch }),
    placements: createPlacements({ url, tokens, fetch: parts.fetch }),
    get state() {
      return state;
    },
    get owner() {
      return memory.owner;
    },
    get unsentCount() {
      return memory.outbox.size;
    },
    on: emitter.on,
    track: (touchpoint, interventionId, actionId) => track(toReport(touchpoint, interventionId, actionId)),
    connect: () => {
      stopWatching ??=
        page &&
        watchPage(page, {
          woke: (cause) => connection.dispatch({ kind: "wake", cause }),
          leaving: () => tracker.leave(),
        });
      connection.dispatch({ kind: "connect" });
    },
    close: () => {
      stopWatching?.();
      stopWatching = undefined;
      tracker.flush();
      connection.dispatch({ kind: "close" });
      // A timer would keep a Node process alive.
      tracker.stop();
    },
  };
}

function throwIt(error: unknown): never {
  throw error;
}
