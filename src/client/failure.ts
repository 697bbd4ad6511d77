/** What went wrong, as a closed set: a page can switch on it, and a metric can be labelled by it. */
export type FailureReason =
  /** The page's own token function threw, or gave nothing. The client tries again. */
  | "TOKEN_FAILED"
  /** The engine refused a token. The client asks for a fresh one. */
  | "TOKEN_REFUSED"
  /** The engine's origin list does not have this page. The client tries again after a long wait. */
  | "ORIGIN_REFUSED"
  /** This user or address has too many connections. The client tries again after a long wait. */
  | "TOO_MANY_CONNECTIONS"
  /** Engine and client do not understand each other. The client has stopped; connect() starts it again. */
  | "PROTOCOL_ERROR"
  /** A frame could not be read and was passed over. */
  | "BAD_FRAME"
  /** The engine will never take these tracking events; they were dropped. */
  | "EVENT_REFUSED"
  /** The engine could not handle something; nothing was lost. */
  | "SERVER_FAULT"
  /** Too much was tracked while offline; the least valuable event was dropped. */
  | "OUTBOX_FULL"
  /** Session storage is blocked, full or spoilt; the client goes on in memory only. */
  | "STORAGE_UNAVAILABLE"
  /** A listener threw. Its intervention was not acknowledged. */
  | "LISTENER_FAILED"
  /** A call of the inbox failed; `code` has Connect's code. */
  | "INBOX_FAILED"
  /** What a page's placements show could not be asked; its `code` is Connect's. */
  | "PLACEMENTS_FAILED";

/** The one error this library throws or reports. */
export class InterventionClientError extends Error {
  override readonly name = "InterventionClientError";
  readonly reason: FailureReason;
  /** Connect's code, such as `unauthenticated`, for INBOX_FAILED; else undefined. */
  readonly code: string | undefined;

  constructor(reason: FailureReason, message: string, detail: { cause?: unknown; code?: string } = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.reason = reason;
    this.code = detail.code;
  }
}
