export type { CloseReason } from "./close-codes.ts";
export { type ConnectRoutesOptions, serveConnect } from "./connect-routes.ts";
export {
  type EdgeHandler,
  type EdgeMethod,
  type EdgeRequest,
  type EdgeResponse,
  EdgeServer,
} from "./edge-server.ts";
export type { GatewayMetrics, TransportName } from "./gateway-metrics.ts";
export type { ResponseStream } from "./response-stream.ts";
export { type Gateway, type GatewayOptions, startGateway } from "./start-gateway.ts";
