export { createHealthHandler, createReadiness, type PlainAnswer, type Readiness, startAdminServer } from "./health.ts";
export { createLogger } from "./logs.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export { type OpenSpan, SPAN, startTraces, type Traces } from "./traces.ts";
