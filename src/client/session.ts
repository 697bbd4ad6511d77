import { blockedMax, closed, ended, leave, waiting } from "./reconnect.ts";
import {
  announce,
  assertNever,
  type Phase,
  type Session,
  type SessionEffect,
  type SessionEvent,
  type Step,
  type Surroundings,
  setTimer,
  stay,
  type TimerName,
  type TransportMode,
} from "./session-state.ts";

/** From the first thought of connecting to the welcome, the page's token function included. */
const deadlineMs = 20_000;
/** For a welcome that does not say. */
const heartbeatDefaultMs = 25_000;
/** A token is renewed when this much of its life is gone: a fifth is left for trying again. */
const refreshAtShare = 0.8;
/** A token that hardly lives would otherwise be renewed without a pause. */
const refreshMsMin = 1_000;
const refreshRetryMs = 5_000;

/** The life of a connection, without any I/O.
 *
 *            connect                opened              welcome
 *   closed ──────────► connecting ─────────► greeting ─────────► open
 *                        ▲     │                │                 │
 *             retry,     │     └────────────────┴────────┬────────┘
 *             wake       │                               │ ended, deadline, silence, token failed
 *                      waiting ◄─────────────────────────┘
 *
 *  close, and the code for a protocol error, lead to `closed` from everywhere. A drain or (over
 *  server-sent events) a token that ages leads from open straight to connecting. */
export function transition(session: Session, event: SessionEvent, around: Surroundings): Step {
  const { phase } = session;
  switch (event.kind) {
    case "connect":
      return phase.kind === "closed" ? attempt(session, around.mode) : stay(session);
    case "close":
      return phase.kind === "closed" ? stay(session) : closed(session, []);
    case "wake":
      return wake(session, event.cause, around);
    case "timer":
      return timer(session, event.name, around);
    case "tokenFailed":
      if (event.attempt !== session.attempt || phase.kind !== "connecting") return stay(session);
      return waiting(session, around, {
        isBlocked: false,
        report: { kind: "report", reason: "TOKEN_FAILED", message: event.message },
      });
    case "opened":
      if (event.attempt !== session.attempt || phase.kind !== "connecting") return stay(session);
      return {
        session: { ...session, phase: { kind: "greeting", transport: phase.transport } },
        effects: [...(event.isResuming ? [announce("resyncing")] : []), { kind: "greet" }],
      };
    case "welcome":
      return welcome(session, event, around);
    case "heard":
      if (phase.kind !== "open") return stay(session);
      return stay({ ...session, phase: { ...phase, heardAt: around.now } });
    case "drain":
      if (phase.kind !== "open") return stay(session);
      return {
        session: { ...session, phase: { ...phase, drainUntil: around.now + event.reconnectAfterMs } },
        effects: [setTimer("drain", event.reconnectAfterMs)],
      };
    case "refreshed":
      return phase.kind === "open" ? { session, effects: refreshTimer(event.tokenLifeMs) } : stay(session);
    case "refreshFailed":
      return phase.kind === "open" ? { session, effects: [setTimer("refresh", refreshRetryMs)] } : stay(session);
    case "ended":
      if (event.attempt !== session.attempt || phase.kind === "closed" || phase.kind === "waiting")
        return stay(session);
      return ended(session, event.code, around);
    default:
      return assertNever(event);
  }
}

function welcome(session: Session, event: SessionEvent & { kind: "welcome" }, { now }: Surroundings): Step {
  const { phase } = session;
  // Server-sent events may bring the welcome before their own sign of being open.
  if (phase.kind !== "greeting" && phase.kind !== "connecting") return stay(session);
  const isWebSocket = phase.transport === "websocket";
  const silenceMs = 2 * (event.heartbeatMs > 0 ? event.heartbeatMs : heartbeatDefaultMs);
  return {
    session: {
      ...session,
      phase: {
        kind: "open",
        transport: phase.transport,
        welcomeAt: now,
        heardAt: now,
        silenceMs,
        drainUntil: undefined,
      },
      blocked: isWebSocket ? 0 : session.blocked,
      hasWebSocketWorked: session.hasWebSocketWorked || isWebSocket,
      isTokenSuspect: false,
    },
    effects: [
      { kind: "cancelTimers" },
      setTimer("silence", silenceMs),
      ...refreshTimer(event.tokenLifeMs),
      announce("open"),
    ],
  };
}

function timer(session: Session, name: TimerName, around: Surroundings): Step {
  const { phase } = session;
  switch (name) {
    case "retry":
      return phase.kind === "waiting" ? attempt(session, around.mode) : stay(session);
    case "deadline":
      if (phase.kind !== "connecting" && phase.kind !== "greeting") return stay(session);
      // The page's token function may be what hangs: the next attempt calls it anew.
      return waiting({ ...session, isTokenSuspect: true }, around);
    case "silence":
      return phase.kind === "open" ? listen(session, phase, around) : stay(session);
    case "drain":
      return phase.kind === "open"
        ? attempt(leave(session, { mode: around.mode, isBlocked: false }), around.mode)
        : stay(session);
    case "refresh":
      if (phase.kind !== "open") return stay(session);
      if (phase.transport === "websocket") return { session, effects: [{ kind: "refreshToken" }] };
      // An event stream cannot carry the token up: it is opened anew, and resumes.
      return attempt({ ...leave(session, { mode: around.mode, isBlocked: false }), isTokenSuspect: true }, around.mode);
    default:
      return assertNever(name);
  }
}

function wake(session: Session, cause: "online" | "visible", around: Surroundings): Step {
  const { phase } = session;
  // Another network may let WebSocket through.
  const woken = cause === "online" ? { ...session, blocked: 0 } : session;
  if (phase.kind === "waiting" && !phase.isPatient) return attempt(woken, around.mode);
  // A page that slept had its timers asleep too; the socket may have died long ago.
  if (phase.kind === "open") return listen(woken, phase, around);
  return stay(woken);
}

function listen(session: Session, phase: Phase & { kind: "open" }, around: Surroundings): Step {
  const leftMs = phase.heardAt + phase.silenceMs - around.now;
  return leftMs <= 0 ? waiting(session, around) : { session, effects: [setTimer("silence", leftMs)] };
}

function attempt(session: Session, mode: TransportMode): Step {
  const next = session.attempt + 1;
  const transport = mode !== "auto" ? mode : session.blocked >= blockedMax ? "sse" : "websocket";
  return {
    session: { ...session, attempt: next, phase: { kind: "connecting", transport }, isTokenSuspect: false },
    effects: [
      { kind: "cancelTimers" },
      { kind: "drop" },
      announce("connecting"),
      setTimer("deadline", deadlineMs),
      { kind: "open", attempt: next, transport, isFreshToken: session.isTokenSuspect },
    ],
  };
}

function refreshTimer(tokenLifeMs: number | undefined): SessionEffect[] {
  return tokenLifeMs === undefined ? [] : [setTimer("refresh", Math.max(refreshMsMin, tokenLifeMs * refreshAtShare))];
}
