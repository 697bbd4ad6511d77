import { InterventionClientError } from "./failure.ts";
import { type ClientFrame, parseServerFrame, type Resume, type ServerFrame, type WelcomeFrame } from "./frame.ts";
import { transition } from "./session.ts";
import {
  type ConnectionState,
  newSession,
  type SessionEffect,
  type SessionEvent,
  type TimerName,
  type TransportKind,
  type TransportMode,
} from "./session-state.ts";
import { type Clock, createTimers } from "./timers.ts";
import type { Token, TokenSource } from "./token-source.ts";
import type { Transport, TransportListener, TransportTarget } from "./transport.ts";

export interface ConnectionParts {
  readonly url: string;
  readonly mode: TransportMode;
  readonly clientName: string;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly random: () => number;
  openTransport(kind: TransportKind, target: TransportTarget, listener: TransportListener): Transport;
  /** Asked for each connection, after the token is known: memory may be another user's. */
  resumeFor(owner: string): Resume | undefined;
  stateChanged(state: ConnectionState): void;
  /** Called with a welcome before the connection counts as open, with every other frame after it. */
  received(frame: ServerFrame): void;
  report(error: InterventionClientError): void;
}

export interface Connection {
  readonly isOpen: boolean;
  dispatch(event: SessionEvent): void;
  /** @returns false when the connection is not open; the frame is not kept. */
  send(frame: ClientFrame): boolean;
  /** The engine's clock, as far as known; the device's own before the first welcome. */
  serverNow(): number;
}

/** Drives the session's state machine: performs its effects and feeds it what happens. It owns the
 *  transport, the timers and the token's renewal, and nothing of what the frames mean to the page. */
export function createConnection(parts: ConnectionParts): Connection {
  const { clock, tokens, random, mode } = parts;
  const timers = createTimers<TimerName>(clock);
  let session = newSession;
  let transport: Transport | undefined;
  let serverAheadMs = 0;
  const serverNow = () => clock.now() + serverAheadMs;
  const lifeMs = (expireTimeMs: number | undefined) =>
    expireTimeMs === undefined ? undefined : expireTimeMs - serverNow();

  const waitingEvents: SessionEvent[] = [];
  let isDispatching = false;
  // One at a time: an effect may call a listener, which may close the client, which is the next event.
  const dispatch = (event: SessionEvent): void => {
    waitingEvents.push(event);
    if (isDispatching) return;
    isDispatching = true;
    try {
      for (let next = waitingEvents.shift(); next !== undefined; next = waitingEvents.shift()) {
        const step = transition(session, next, { now: clock.now(), random: random(), mode });
        session = step.session;
        for (const effect of step.effects) perform(effect);
      }
    } finally {
      isDispatching = false;
    }
  };

  const perform = (effect: SessionEffect): void => {
    switch (effect.kind) {
      case "announce":
        parts.stateChanged(effect.state);
        return;
      case "open":
        void open(effect.attempt, effect.transport, effect.isFreshToken);
        return;
      case "greet":
        transport?.send({ hello: { client: parts.clientName, ...(resume && { resume }) } });
        return;
      case "drop":
        transport?.close();
        transport = undefined;
        return;
      case "refreshToken":
        void refreshToken(session.attempt);
        return;
      case "timer":
        timers.set(effect.name, effect.ms, () => dispatch({ kind: "timer", name: effect.name }));
        return;
      case "cancelTimers":
        timers.cancelAll();
        return;
      case "report":
        parts.report(new InterventionClientError(effect.reason, effect.message));
        return;
    }
  };

  let resume: Resume | undefined;
  let owner = "";
  const open = async (attempt: number, kind: TransportKind, isFresh: boolean): Promise<void> => {
    let token: Token;
    try {
      token = await tokens.get({ isFresh });
    } catch (error) {
      return dispatch({
        kind: "tokenFailed",
        attempt,
        message: String(error instanceof Error ? error.message : error),
      });
    }
    if (attempt !== session.attempt || session.phase.kind !== "connecting") return;
    owner = token.owner;
    resume = parts.resumeFor(owner);
    const isResuming = resume !== undefined;
    try {
      transport = parts.openTransport(
        kind,
        { url: parts.url, token: token.value, resume },
        {
          opened: () => dispatch({ kind: "opened", attempt, isResuming }),
          heard: () => {
            if (attempt === session.attempt) dispatch({ kind: "heard" });
          },
          received: (text) => {
            if (attempt === session.attempt) receive(text);
          },
          ended: (code) => dispatch({ kind: "ended", attempt, code }),
        },
      );
    } catch (error) {
      parts.report(
        new InterventionClientError("SERVER_FAULT", `cannot open ${kind}: ${String(error)}`, { cause: error }),
      );
      dispatch({ kind: "ended", attempt, code: 0 });
    }
  };

  const refreshToken = async (attempt: number): Promise<void> => {
    try {
      const token = await tokens.get({ isFresh: true });
      if (attempt !== session.attempt) return;
      // Somebody else has signed in meanwhile: a session cannot change hands, so another one begins.
      if (token.owner !== owner) dispatch({ kind: "ended", attempt, code: 4001 });
      else transport?.send({ refreshToken: { token: token.value } });
    } catch (error) {
      parts.report(
        error instanceof InterventionClientError ? error : new InterventionClientError("TOKEN_FAILED", String(error)),
      );
      if (attempt === session.attempt) dispatch({ kind: "refreshFailed" });
    }
  };

  const receive = (text: string): void => {
    const frame = parseServerFrame(text);
    dispatch({ kind: "heard" });
    if (frame === undefined) {
      parts.report(new InterventionClientError("BAD_FRAME", `unreadable frame: ${text.slice(0, 100)}`));
      return;
    }
    switch (frame.kind) {
      case "welcome":
        welcomed(frame);
        return;
      case "ping":
        transport?.send({ pong: {} });
        return;
      case "drain":
        dispatch({ kind: "drain", reconnectAfterMs: frame.reconnectAfterMs });
        return;
      case "tokenRefreshed":
        dispatch({ kind: "refreshed", tokenLifeMs: lifeMs(frame.tokenExpireTimeMs) });
        return;
      case "fault":
        if (frame.reason === "TOKEN_REFUSED") dispatch({ kind: "refreshFailed" });
        parts.received(frame);
        return;
      default:
        parts.received(frame);
        return;
    }
  };

  const welcomed = (frame: WelcomeFrame): void => {
    if (frame.serverTimeMs !== undefined) serverAheadMs = frame.serverTimeMs - clock.now();
    parts.received(frame);
    dispatch({ kind: "welcome", heartbeatMs: frame.heartbeatMs, tokenLifeMs: lifeMs(frame.tokenExpireTimeMs) });
  };

  return {
    get isOpen() {
      return session.phase.kind === "open";
    },
    dispatch,
    send: (frame) => {
      if (session.phase.kind !== "open" || transport === undefined) return false;
      transport.send(frame);
      return true;
    },
    serverNow,
  };
}
