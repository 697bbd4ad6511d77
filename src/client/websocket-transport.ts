import type { Transport, TransportListener, TransportTarget } from "./transport.ts";

/** The part of the standard WebSocket that is used: the browser's, Node's own and `ws` all have it. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** The browser's WebSocket cannot set a header, so the token travels as a second subprotocol. It is
 *  kept out of the address, which ends up in logs.
 *  @throws SyntaxError or SecurityError by the constructor, for an address it will never open. */
export function openWebSocket(
  construct: WebSocketConstructor,
  target: TransportTarget,
  listener: TransportListener,
): Transport {
  const url = `${target.url.replace(/^http/, "ws")}/v1/socket`;
  const socket = new construct(url, ["intervention.v1.json", `token.${target.token}`]);
  socket.onopen = () => listener.opened();
  socket.onmessage = ({ data }: { readonly data: unknown }) => {
    if (typeof data === "string") listener.received(data);
  };
  socket.onclose = ({ code }: { readonly code: number }) => listener.ended(code);
  // An error is always followed by a close, which says more; without a handler `ws` would throw it.
  socket.onerror = () => undefined;
  return {
    send: (frame) => socket.send(JSON.stringify(frame)),
    close: () => {
      socket.onopen = null;
      socket.onmessage = null;
      socket.onclose = null;
      socket.close(1000);
    },
  };
}
