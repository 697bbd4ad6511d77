import { backoffMs } from "./backoff.ts";
import {
  announce,
  type Session,
  type SessionEffect,
  type Step,
  type Surroundings,
  setTimer,
  type TransportMode,
} from "./session-state.ts";

/** A session that lasted so long was a good one; a shorter one counts as one more failure. */
const stableMs = 10_000;
/** Refusals that only a person can end are tried again after one to two of these. */
const patienceMs = 60_000;
/** So many WebSockets in a row have to end before their welcome until `auto` takes the other way. */
export const blockedMax = 2;

/** Each close code says what to do next; realtime's codes are 4000 + something like HTTP's own. */
export function ended(session: Session, code: number, around: Surroundings): Step {
  switch (code) {
    case 4001:
      return waiting({ ...session, isTokenSuspect: true }, around, { isBlocked: false });
    case 4003:
      return waiting(session, around, {
        isPatient: true,
        isBlocked: false,
        report: { kind: "report", reason: "ORIGIN_REFUSED", message: "the engine does not serve this page's origin" },
      });
    case 4009:
      return waiting(session, around, {
        isPatient: true,
        isBlocked: false,
        report: { kind: "report", reason: "TOO_MANY_CONNECTIONS", message: "too many connections of this user" },
      });
    case 4010:
      return closed(session, [
        { kind: "report", reason: "PROTOCOL_ERROR", message: "the engine refused this client's protocol" },
      ]);
    default:
      return waiting(session, around, { isBlocked: code < 4000 });
  }
}

interface WaitOptions {
  /** Wait long, and let nothing wake us: only a person can end the cause. Default: false. */
  readonly isPatient?: boolean;
  /** Whether an end before the welcome may mean that WebSocket is blocked. Default: true. */
  readonly isBlocked?: boolean;
  readonly report?: SessionEffect;
}

export function waiting(session: Session, { now, random, mode }: Surroundings, options: WaitOptions = {}): Step {
  const { phase } = session;
  const isPatient = options.isPatient ?? false;
  const isOpen = phase.kind === "open";
  const failures = isOpen && now - phase.welcomeAt >= stableMs ? 0 : session.failures;
  const drainMs = isOpen && phase.drainUntil !== undefined ? Math.max(0, phase.drainUntil - now) : undefined;
  const ms = isPatient ? patienceMs * (1 + random) : (drainMs ?? backoffMs(failures, random));
  // Browsers hide why a connection failed to open; a refused token looks like a dead network.
  const isTokenSuspect = session.isTokenSuspect || (!isOpen && failures % 2 === 0);
  return {
    session: {
      ...leave(session, { mode, isBlocked: options.isBlocked ?? true }),
      phase: { kind: "waiting", isPatient },
      failures: failures + 1,
      isTokenSuspect,
    },
    effects: [
      { kind: "cancelTimers" },
      { kind: "drop" },
      ...(options.report === undefined ? [] : [options.report]),
      announce("offline"),
      setTimer("retry", ms),
    ],
  };
}

/** Counts what the end of this connection says about WebSocket: once it has worked, an end is only an
 *  end. A session over server-sent events is followed by one try of WebSocket, so that nobody who fell
 *  back during an outage stays there. */
export function leave(session: Session, options: { mode: TransportMode; isBlocked: boolean }): Session {
  const { mode, isBlocked } = options;
  const { phase } = session;
  if (mode !== "auto" || phase.kind === "closed" || phase.kind === "waiting") return session;
  if (phase.transport === "sse") return { ...session, blocked: phase.kind === "open" ? blockedMax - 1 : 0 };
  const isCounted = isBlocked && phase.kind !== "open" && !session.hasWebSocketWorked;
  return isCounted ? { ...session, blocked: session.blocked + 1 } : session;
}

export function closed(session: Session, effects: readonly SessionEffect[]): Step {
  return {
    session: { ...session, phase: { kind: "closed" }, failures: 0, isTokenSuspect: false },
    effects: [{ kind: "cancelTimers" }, { kind: "drop" }, ...effects, announce("closed")],
  };
}
