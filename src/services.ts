import { PresenceView, connectBus, EventPublisher } from "./bus/index.ts";
import type { Config } from "./config.ts";
import { defineService } from "./container.ts";
import { AccessDirectory } from "./integrations/access-directory.ts";
import { createLogger, createMetrics, startTraces } from "./observe/index.ts";
import { startDecide } from "./roles/decide.ts";
import { startSchedule } from "./roles/schedule.ts";
import { startTrack } from "./roles/track.ts";
import { connectStore } from "./store/index.ts";

/** The parts that roles share, for one process of the given settings. A test replaces what it wants to watch. */
export function defineServices(config: Config) {
  const processName = `intervention-engine ${config.ROLES.join(",")}`;
  const log = defineService("log", { start: () => createLogger({ level: config.LOG_LEVEL, name: config.ROLES.join(",") }) });
  const metrics = defineService("metrics", { start: () => createMetrics() });
  const traces = defineService("traces", {
    start: () => startTraces({ sampleRatio: config.TRACE_SAMPLE_RATIO, endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT, service: "intervention-engine" }),
    stop: (value) => value.stop(),
  });
  const bus = defineService("bus", {
    start: () =>
      connectBus({
        servers: config.NATS_URL ?? "",
        name: processName,
        namespace: config.NAMESPACE,
        streams: { replicas: config.STREAM_REPLICAS, historyMax: config.HISTORY_MAX, historyAgeMs: config.HISTORY_AGE_MS },
        syncCheck: { monitorUrl: config.NATS_MONITOR_URL, allowUnsynced: config.ALLOW_UNSYNCED_NATS },
      }),
    stop: (value) => value.close(),
  });
  const store = defineService("store", {
    start: () => connectStore({ url: config.MONGODB_URL ?? "", database: config.MONGODB_DATABASE, name: processName }),
    stop: (value) => value.close(),
  });
  const access = defineService("access", {
    start: async (c) => AccessDirectory.start(await c.get(store), await c.get(log)),
    stop: (value) => value.stop(),
  });
  const events = defineService("events", { start: async (c) => new EventPublisher(await c.get(bus)), stop: (value) => value.drained() });
  const presence = defineService("presence", { start: async (c) => PresenceView.start(await c.get(bus), await c.get(log)), stop: (value) => value.stop() });
  const decide = defineService("decide", {
    start: async (c) =>
      startDecide({
        bus: await c.get(bus),
        store: await c.get(store),
        events: await c.get(events),
        presence: await c.get(presence),
        metrics: await c.get(metrics),
        traces: await c.get(traces),
        log: await c.get(log),
        defaultTimeZone: config.DEFAULT_TIME_ZONE,
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const track = defineService("track", {
    start: async (c) =>
      startTrack({ bus: await c.get(bus), store: await c.get(store), metrics: await c.get(metrics), traces: await c.get(traces), log: await c.get(log) }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const schedule = defineService("schedule", {
    start: async (c) =>
      startSchedule({
        bus: await c.get(bus),
        store: await c.get(store),
        events: await c.get(events),
        access: await c.get(access),
        metrics: await c.get(metrics),
        log: await c.get(log),
        undeliveredAfterMs: config.UNDELIVERED_AFTER_MS,
        reconcileAfterMs: config.RECONCILE_AFTER_MS,
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  return { log, metrics, traces, bus, store, access, events, presence, decide, track, schedule };
}
