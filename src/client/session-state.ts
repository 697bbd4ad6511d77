import type { FailureReason } from "./failure.ts";

export type ConnectionState = "connecting" | "resyncing" | "open" | "offline" | "closed";
export type TransportKind = "websocket" | "sse";
/** `auto` is WebSocket, and server-sent events where WebSocket does not get through. */
export type TransportMode = TransportKind | "auto";
export type TimerName = "deadline" | "silence" | "refresh" | "drain" | "retry";

export type Phase =
  | { readonly kind: "closed" }
  | { readonly kind: "connecting"; readonly transport: TransportKind }
  | { readonly kind: "greeting"; readonly transport: TransportKind }
  | {
      readonly kind: "open";
      readonly transport: TransportKind;
      readonly welcomeAt: number;
      readonly heardAt: number;
      readonly silenceMs: number;
      readonly drainUntil: number | undefined;
    }
  | { readonly kind: "waiting"; readonly isPatient: boolean };

export interface Session {
  readonly phase: Phase;
  /** Fences off what an earlier connection still has to say. */
  readonly attempt: number;
  /** In a row, since a session that lasted. */
  readonly failures: number;
  /** WebSockets in a row that ended before their welcome, as long as none has worked. */
  readonly blocked: number;
  readonly hasWebSocketWorked: boolean;
  /** The next attempt must not use the token at hand. */
  readonly isTokenSuspect: boolean;
}

export type SessionEvent =
  | { readonly kind: "connect" }
  | { readonly kind: "close" }
  | { readonly kind: "wake"; readonly cause: "online" | "visible" }
  | { readonly kind: "timer"; readonly name: TimerName }
  | { readonly kind: "tokenFailed"; readonly attempt: number; readonly message: string }
  | { readonly kind: "opened"; readonly attempt: number; readonly isResuming: boolean }
  | { readonly kind: "welcome"; readonly heartbeatMs: number; readonly tokenLifeMs: number | undefined }
  | { readonly kind: "heard" }
  | { readonly kind: "drain"; readonly reconnectAfterMs: number }
  | { readonly kind: "refreshed"; readonly tokenLifeMs: number | undefined }
  | { readonly kind: "refreshFailed" }
  /** `code` is WebSocket's close code; 0 when the transport could not even be made. */
  | { readonly kind: "ended"; readonly attempt: number; readonly code: number };

export type SessionEffect =
  | { readonly kind: "announce"; readonly state: ConnectionState }
  | {
      readonly kind: "open";
      readonly attempt: number;
      readonly transport: TransportKind;
      readonly isFreshToken: boolean;
    }
  | { readonly kind: "greet" }
  | { readonly kind: "drop" }
  | { readonly kind: "refreshToken" }
  | { readonly kind: "timer"; readonly name: TimerName; readonly ms: number }
  | { readonly kind: "cancelTimers" }
  | { readonly kind: "report"; readonly reason: FailureReason; readonly message: string };

export interface Surroundings {
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
  readonly mode: TransportMode;
}

export interface Step {
  readonly session: Session;
  readonly effects: readonly SessionEffect[];
}

export const newSession: Session = {
  phase: { kind: "closed" },
  attempt: 0,
  failures: 0,
  blocked: 0,
  hasWebSocketWorked: false,
  isTokenSuspect: false,
};

/** setTimeout takes 31 bits; a longer wait would fire at once. */
const timerMsMax = 2 ** 31 - 1;

export function stay(session: Session): Step {
  return { session, effects: [] };
}

export function announce(state: ConnectionState): SessionEffect {
  return { kind: "announce", state };
}

export function setTimer(name: TimerName, ms: number): SessionEffect {
  return { kind: "timer", name, ms: Math.min(ms, timerMsMax) };
}

export function assertNever(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
