export { createLogger } from "./logs.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export { type OpenSpan, SPAN, startTraces, type Traces } from "./traces.ts";
