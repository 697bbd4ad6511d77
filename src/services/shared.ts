import { Acceptor } from "../accept/acceptor.ts";
import { connectBus, EventPublisher, PresenceView } from "../bus/index.ts";
import { createProviders } from "../channels/create-providers.ts";
import { CredentialBox } from "../channels/credential-box.ts";
import type { Config } from "../config.ts";
import { defineService } from "../container.ts";
import { toIdentitySettings } from "../identity-settings.ts";
import { AccessChanges } from "../integrations/access-changes.ts";
import { AccessDirectory } from "../integrations/access-directory.ts";
import { CampaignDirectory } from "../integrations/campaign-directory.ts";
import { CatalogView } from "../integrations/catalog-view.ts";
import { ChoiceModel } from "../integrations/choice-model.ts";
import { DataIntelligence } from "../integrations/data-intelligence.ts";
import { ExperimentDirectory } from "../integrations/experiment-directory.ts";
import { ProviderDirectory } from "../integrations/provider-directory.ts";
import { SegmentDirectory } from "../integrations/segment-directory.ts";
import { TrackedLinks } from "../integrations/tracked-links.ts";
import { createLogger, createMetrics, startTraces } from "../observe/index.ts";
import { ErasedUsers } from "../privacy/erased-users.ts";
import { connectStore } from "../store/index.ts";

/** What several roles of a process stand on. */
export function defineShared(config: Config) {
  const processName = `intervention-engine ${config.ROLES.join(",")}`;
  const log = defineService("log", {
    start: () => createLogger({ level: config.LOG_LEVEL, name: config.ROLES.join(",") }),
  });
  const metrics = defineService("metrics", { start: () => createMetrics() });
  const traces = defineService("traces", {
    start: () =>
      startTraces({
        sampleRatio: config.TRACE_SAMPLE_RATIO,
        endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
        service: "intervention-engine",
      }),
    stop: (value) => value.stop(),
  });
  const bus = defineService("bus", {
    start: () =>
      connectBus({
        servers: config.NATS_URL ?? "",
        name: processName,
        namespace: config.NAMESPACE,
        streams: {
          replicas: config.STREAM_REPLICAS,
          historyMax: config.HISTORY_MAX,
          historyAgeMs: config.HISTORY_AGE_MS,
        },
        syncCheck: { monitorUrl: config.NATS_MONITOR_URL, allowUnsynced: config.ALLOW_UNSYNCED_NATS },
      }),
    stop: (value) => value.close(),
  });
  const store = defineService("store", {
    start: () => connectStore({ url: config.MONGODB_URL ?? "", database: config.MONGODB_DATABASE, name: processName }),
    stop: (value) => value.close(),
  });
  const access = defineService("access", {
    start: async (c) =>
      AccessDirectory.start(await c.get(store), await c.get(log), {
        ...toIdentitySettings(config),
        metrics: await c.get(metrics),
        changes: new AccessChanges(await c.get(bus)),
      }),
    stop: (value) => value.stop(),
  });
  // What devices report may wait a moment for company: an answer to it is not waited for.
  const eventLingerMs = config.ROLES.includes("gateway") && !config.ROLES.includes("decide") ? 20 : 0;
  const events = defineService("events", {
    start: async (c) => new EventPublisher(await c.get(bus), { lingerMs: eventLingerMs }),
    stop: (value) => value.drained(),
  });
  const presence = defineService("presence", {
    start: async (c) => PresenceView.start(await c.get(bus), await c.get(log)),
    stop: (value) => value.stop(),
  });
  const erased = defineService("erased", {
    start: async (c) =>
      ErasedUsers.start({
        bus: await c.get(bus),
        store: await c.get(store),
        access: await c.get(access),
        log: await c.get(log),
      }),
    stop: (value) => value.stop(),
  });
  const campaigns = defineService("campaigns", {
    start: async (c) =>
      CampaignDirectory.start({ store: await c.get(store), bus: await c.get(bus), log: await c.get(log) }),
    stop: (value) => value.stop(),
  });
  const segments = defineService("segments", {
    start: async (c) =>
      SegmentDirectory.start({ store: await c.get(store), bus: await c.get(bus), log: await c.get(log) }),
    stop: (value) => value.stop(),
  });
  const experiments = defineService("experiments", {
    start: async (c) =>
      ExperimentDirectory.start({ store: await c.get(store), bus: await c.get(bus), log: await c.get(log) }),
    stop: (value) => value.stop(),
  });
  const catalog = defineService("catalog", {
    start: async (c) => new CatalogView({ bus: await c.get(bus), store: await c.get(store) }),
    stop: (value) => value.stop(),
  });
  const dataIntelligence = defineService("data intelligence", {
    start: async (c) =>
      config.DATA_INTELLIGENCE_URL === undefined
        ? undefined
        : new DataIntelligence({
            url: config.DATA_INTELLIGENCE_URL,
            deadlineMs: config.DATA_INTELLIGENCE_DEADLINE_MS,
            freshMs: config.DATA_INTELLIGENCE_FRESH_MS,
            staleMs: config.DATA_INTELLIGENCE_STALE_MS,
            cacheMax: config.DATA_INTELLIGENCE_CACHE_MAX,
            inFlightMax: config.DATA_INTELLIGENCE_IN_FLIGHT_MAX,
            metrics: await c.get(metrics),
            now: () => performance.now(),
          }),
    stop: (value) => value?.[Symbol.dispose](),
  });
  const providers = defineService("providers", {
    start: async (c) => createProviders({ store: await c.get(store), allowPrivate: config.WEBHOOK_ALLOW_PRIVATE }),
  });
  const trackedLinks = defineService("tracked links", { start: () => new TrackedLinks(config.CREDENTIAL_KEYS) });
  const providerDirectory = defineService("provider directory", {
    start: async (c) =>
      ProviderDirectory.start({ store: await c.get(store), bus: await c.get(bus), log: await c.get(log) }),
    stop: (value) => value.stop(),
  });
  const choices = defineService("choices", {
    start: async (c) => ChoiceModel.start({ store: await c.get(store), log: await c.get(log), now: () => new Date() }),
    stop: (value) => value.stop(),
  });
  const credentialBox = defineService("credential box", { start: () => new CredentialBox(config.CREDENTIAL_KEYS) });
  const acceptor = defineService("acceptor", {
    start: async (c) =>
      new Acceptor({
        store: await c.get(store),
        bus: await c.get(bus),
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
  });
  return {
    log,
    metrics,
    traces,
    bus,
    store,
    access,
    events,
    presence,
    erased,
    campaigns,
    segments,
    experiments,
    catalog,
    dataIntelligence,
    providers,
    providerDirectory,
    choices,
    credentialBox,
    trackedLinks,
    acceptor,
  };
}

/** See `defineShared`. */
export type SharedServices = ReturnType<typeof defineShared>;
