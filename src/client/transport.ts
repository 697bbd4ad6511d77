import type { ClientFrame, Resume } from "./frame.ts";

/** One connection to the gateway. It reports nothing any more once it was closed from this side, so
 *  that a closing handshake on a dead network cannot reach into the next connection. */
export interface Transport {
  send(frame: ClientFrame): void;
  close(): void;
}

export interface TransportListener {
  opened(): void;
  /** The other side is there, though it had nothing to say. */
  heard(): void;
  /** A ServerFrame in JSON. */
  received(text: string): void;
  /** @param code WebSocket's close code, or the one that says the same. */
  ended(code: number): void;
}

export interface TransportTarget {
  /** The engine's http or https address, without a slash at its end. */
  readonly url: string;
  readonly token: string;
  /** Where to go on; undefined on the first connection. */
  readonly resume: Resume | undefined;
}
