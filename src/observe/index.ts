export { createHealthHandler, type PlainAnswer, type Readiness, ReadinessWatch, startAdminServer } from "./health.ts";
export { createLogger } from "./logs.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export { type OpenSpan, SPAN, startTraces, type Traces } from "./traces.ts";
