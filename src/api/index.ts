export { Acceptor, type AcceptResult } from "./acceptor.ts";
export { API_SERVICES, type ApiParts, apiRouterOptions, registerApi } from "./api-routes.ts";
export { type GrpcServer, type GrpcServerOptions, PortTaken, startGrpcServer } from "./grpc-server.ts";
export type { Readiness } from "./health-service.ts";
export { apiInterceptors, apiRequestGate } from "./interceptors.ts";
export { type ParsedTrigger, parseTrigger } from "./parse-trigger.ts";
