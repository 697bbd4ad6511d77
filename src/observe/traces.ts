import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-node";

/** Names of spans and their attributes. Those of messaging are still in development upstream: they stand here alone. */
export const SPAN = { publish: "publish iv", decide: "process iv", push: "push rt", record: "process track" } as const;

/** A piece of work in a trace. */
export type OpenSpan = {
  /** W3C trace context, to carry along. */
  readonly traceparent: string;
  readonly traceId: string;
  readonly end: (error?: unknown) => void;
};

/** Opens spans. */
export type Traces = {
  /** Begins a piece of work: under `parent`, or as a new trace that is sampled by chance. */
  readonly open: (
    name: string,
    options?: { readonly parent?: string | undefined; readonly kind?: SpanKind; readonly attributes?: Attributes },
  ) => OpenSpan;
  /** The same for one of many messages: undefined unless its trace is sampled, so that the others cost nothing. */
  readonly openSampled: (name: string, parent: string | undefined, attributes?: Attributes) => OpenSpan | undefined;
  readonly stop: () => Promise<void>;
};

/** @param options.exporter where spans go; undefined sends none but still makes trace ids for the logs. */
export function startTraces(options: {
  readonly sampleRatio: number;
  readonly endpoint?: string | undefined;
  readonly exporter?: SpanExporter;
  readonly service: string;
}): Traces {
  const exporter =
    options.exporter ??
    (options.endpoint === undefined
      ? undefined
      : new OTLPTraceExporter({ url: `${options.endpoint.replace(/\/$/, "")}/v1/traces` }));
  const provider = new NodeTracerProvider({
    sampler: new ParentBasedSampler({
      root: new TraceIdRatioBasedSampler(exporter === undefined ? 0 : options.sampleRatio),
    }),
    spanProcessors: exporter === undefined ? [] : [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer(options.service);
  const open: Traces["open"] = (name, { parent, kind = SpanKind.INTERNAL, attributes = {} } = {}) =>
    toOpenSpan(tracer.startSpan(name, { kind, attributes }, toContext(parent)));
  return {
    open,
    openSampled: (name, parent, attributes = {}) =>
      parent?.endsWith("-01") === true
        ? open(name, { parent, kind: SpanKind.CONSUMER, attributes: { "messaging.system": "nats", ...attributes } })
        : undefined,
    stop: () => provider.shutdown(),
  };
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

function toContext(traceparent: string | undefined): Context {
  const match = TRACEPARENT.exec(traceparent ?? "");
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined)
    return traceparent === undefined ? context.active() : ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

function toOpenSpan(span: Span): OpenSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceId,
    traceparent: `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? "00" : "01"}`,
    end(error) {
      if (error !== undefined)
        span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : "error" });
      span.end();
    },
  };
}
