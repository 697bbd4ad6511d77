import type { StorageLike } from "./memory.ts";
import { currentPage, type PageLike } from "./page.ts";
import type { TransportMode } from "./session-state.ts";
import { type Clock, globalClock } from "./timers.ts";
import type { WebSocketConstructor } from "./websocket-transport.ts";

export interface InterventionClientOptions {
  /** The engine's edge, such as `https://engage.shop.example`; a path in front of `/v1` is kept. */
  readonly url: string;
  /** Gives a token from SessionService.CreateToken, which the page's own server asks for with its API
   *  key. Called again when a token ends or is refused. */
  readonly token: () => Promise<string> | string;
  /** Default: `auto`, which is WebSocket, then server-sent events if that fails to open twice. */
  readonly transport?: TransportMode;
  /** Where to keep what outlives the page. Default: `sessionStorage` where there is one; null: nowhere.
   *  `localStorage` would make a user's tabs hide interventions from each other. */
  readonly storage?: StorageLike | null;
  /** Default: the global one. In older Nodes pass the one of `ws`. */
  readonly webSocket?: WebSocketConstructor;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Default: the page this runs in, if any; null: none. */
  readonly page?: PageLike | null;
  /** Default: `Math.random`. Nothing here is a secret. */
  readonly random?: () => number;
  /** Default: the device's. */
  readonly clock?: Clock;
}

export interface ClientParts {
  readonly url: string;
  readonly token: () => Promise<string> | string;
  readonly mode: TransportMode;
  readonly storage: () => StorageLike | undefined;
  readonly webSocket: WebSocketConstructor | undefined;
  readonly fetch: typeof fetch;
  readonly page: PageLike | undefined;
  readonly random: () => number;
  readonly clock: Clock;
}

/** Fills in what the surroundings offer.
 *  @throws TypeError when there is no WebSocket and nothing else will do: that would never work. */
export function toParts(options: InterventionClientOptions): ClientParts {
  const scope: { WebSocket?: WebSocketConstructor } = globalThis;
  const webSocket = options.webSocket ?? scope.WebSocket;
  const mode = options.transport ?? "auto";
  if (mode === "websocket" && webSocket === undefined)
    throw new TypeError("no WebSocket here: pass one as `webSocket`");
  const { storage, page } = options;
  return {
    url: options.url.replace(/\/+$/, ""),
    token: options.token,
    mode: mode === "auto" && webSocket === undefined ? "sse" : mode,
    // Looked up late, since in some browsers already the name `sessionStorage` throws; Node has none.
    storage: () => (storage === undefined ? pageStorage() : (storage ?? undefined)),
    webSocket,
    // Wrapped: a browser's fetch refuses to be called as a method of anything but its window.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    page: page === undefined ? currentPage() : (page ?? undefined),
    random: options.random ?? Math.random,
    clock: options.clock ?? globalClock,
  };
}

function pageStorage(): StorageLike | undefined {
  return currentPage() === undefined ? undefined : sessionStorage;
}
