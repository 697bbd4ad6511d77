import type { ClientParts } from "./options.ts";
import type { TransportKind } from "./session-state.ts";
import { openSse } from "./sse-transport.ts";
import type { Transport, TransportListener, TransportTarget } from "./transport.ts";
import { openWebSocket } from "./websocket-transport.ts";

/** Chooses the way the session asks for. `toParts` has made sure that the surroundings have it. */
export function toTransportOpener(
  parts: Pick<ClientParts, "webSocket" | "fetch">,
): (kind: TransportKind, target: TransportTarget, listener: TransportListener) => Transport {
  const { webSocket } = parts;
  return (kind, target, listener) => {
    if (kind === "websocket" && webSocket !== undefined) return openWebSocket(webSocket, target, listener);
    if (kind === "sse") return openSse(parts.fetch, target, listener);
    throw new TypeError(`no ${kind} here`);
  };
}
