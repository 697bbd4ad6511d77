/** What a close tells the client to do next. */
const CLOSE = {
  /** The token is refused or has ended: fetch another, then connect. */
  tokenRefused: 4001,
  /** Too slow, or silent: connect again and resume. */
  resume: 4008,
  /** The client does not keep to the protocol: connecting again would not help. */
  protocol: 4010,
  /** This gateway stops, or can't serve now: connect again and resume. */
  restart: 1012,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** Why a connection ended, as the metrics count it. */
export type CloseReason =
  | "client"
  | "token_expired"
  | "too_slow"
  | "silent"
  | "no_hello"
  | "bad_frames"
  | "too_many_frames"
  | "drain"
  | "unavailable"
  | "history_changed";

export const CODE_OF: Readonly<Record<Exclude<CloseReason, "client">, CloseCode>> = {
  token_expired: CLOSE.tokenRefused,
  too_slow: CLOSE.resume,
  silent: CLOSE.resume,
  no_hello: CLOSE.protocol,
  bad_frames: CLOSE.protocol,
  too_many_frames: CLOSE.protocol,
  drain: CLOSE.restart,
  unavailable: CLOSE.restart,
  history_changed: CLOSE.restart,
};
