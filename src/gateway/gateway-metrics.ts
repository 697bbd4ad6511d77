import type { CloseReason } from "./close-codes.ts";

/** How a client is connected. */
export type TransportName = "websocket" | "sse";

/** What the gateway counts. Labels are closed sets. */
export type GatewayMetrics = {
  readonly opened: (transport: TransportName) => void;
  readonly closed: (transport: TransportName, reason: CloseReason) => void;
  /** An upgrade or event stream that was turned away. */
  readonly refused: (reason: "token" | "origin" | "user_cap" | "address_cap" | "draining") => void;
  readonly frameIn: (kind: string) => void;
  readonly frameOut: (kind: string) => void;
  readonly resumed: (recovered: boolean) => void;
  /** Live messages were missed and read from the history. */
  readonly caughtUp: () => void;
};

export const NO_METRICS: GatewayMetrics = {
  opened: () => undefined,
  closed: () => undefined,
  refused: () => undefined,
  frameIn: () => undefined,
  frameOut: () => undefined,
  resumed: () => undefined,
  caughtUp: () => undefined,
};
