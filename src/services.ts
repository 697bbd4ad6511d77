import { randomUUID } from "node:crypto";
import { Acceptor } from "./accept/acceptor.ts";
import { type ApiParts, apiRouterOptions, registerApi } from "./api/api-routes.ts";
import { startGrpcServer } from "./api/grpc-server.ts";
import { parsePrediction } from "./api/parse-prediction.ts";
import { connectBus, EventPublisher, PresenceAnnouncer, PresenceView } from "./bus/index.ts";
import { createProviders } from "./channels/create-providers.ts";
import { CredentialBox } from "./channels/credential-box.ts";
import type { Config } from "./config.ts";
import { defineService } from "./container.ts";
import { toOutsideChannel } from "./domain/delivery/channel-names.ts";
import { serveHealth, toGatewayMetrics } from "./edge-extras.ts";
import { serveConnect, startGateway } from "./gateway/index.ts";
import { toIdentitySettings } from "./identity-settings.ts";
import { AccessChanges } from "./integrations/access-changes.ts";
import { AccessDirectory } from "./integrations/access-directory.ts";
import { CallLimits } from "./integrations/call-limits.ts";
import { CampaignDirectory } from "./integrations/campaign-directory.ts";
import { CatalogView } from "./integrations/catalog-view.ts";
import { DataIntelligence } from "./integrations/data-intelligence.ts";
import { toFindQuota } from "./integrations/find-quota.ts";
import { ProviderDirectory } from "./integrations/provider-directory.ts";
import { toUnsubscribeUrls } from "./integrations/unsubscribe-links.ts";
import {
  createHealthHandler,
  createLogger,
  createMetrics,
  ReadinessWatch,
  startAdminServer,
  startTraces,
} from "./observe/index.ts";
import { startOutward } from "./outward/start-outward.ts";
import { servePages } from "./pages/serve-pages.ts";
import { serveUnsubscribe } from "./pages/serve-unsubscribe.ts";
import { ErasedUsers } from "./privacy/erased-users.ts";
import { startAbandonment } from "./roles/abandonment.ts";
import { CartWatches } from "./roles/cart-watches.ts";
import { startDecide } from "./roles/decide.ts";
import { startDeliver } from "./roles/deliver.ts";
import { startEventIntake } from "./roles/event-intake.ts";
import { PredictionIntake } from "./roles/prediction-intake.ts";
import { startPredictionIntake } from "./roles/prediction-worker.ts";
import { findProfileFacts } from "./roles/profile-facts.ts";
import { startSchedule } from "./roles/schedule.ts";
import { findContext, findOrdersIn } from "./roles/shopper-contexts.ts";
import { startTrack } from "./roles/track.ts";
import { type ShopperFacts, Triggers } from "./roles/triggers.ts";
import { connectStore } from "./store/index.ts";

/** The parts that roles share, for one process of the given settings. A test replaces what it wants to watch. */
export function defineServices(config: Config) {
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
  const providerDirectory = defineService("provider directory", {
    start: async (c) =>
      ProviderDirectory.start({ store: await c.get(store), bus: await c.get(bus), log: await c.get(log) }),
    stop: (value) => value.stop(),
  });
  const credentialBox = defineService("credential box", { start: () => new CredentialBox(config.CREDENTIAL_KEYS) });
  const deliver = defineService("deliver", {
    start: async (c) =>
      startDeliver({
        bus: await c.get(bus),
        store: await c.get(store),
        access: await c.get(access),
        events: await c.get(events),
        metrics: await c.get(metrics),
        log: await c.get(log),
        erased: await c.get(erased),
        directory: await c.get(providerDirectory),
        providers: await c.get(providers),
        box: await c.get(credentialBox),
        leaseMs: config.SEND_LEASE_MS,
        toUnsubscribeUrl: toUnsubscribeUrls(await c.get(access), config.PUBLIC_URL),
        findQuota: toFindQuota(await c.get(access), config.DEFAULT_TIME_ZONE),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const decide = defineService("decide", {
    start: async (c) => {
      const directory = await c.get(access);
      const accounts = await c.get(providerDirectory);
      return startDecide({
        bus: await c.get(bus),
        store: await c.get(store),
        access: directory,
        presence: await c.get(presence),
        metrics: await c.get(metrics),
        traces: await c.get(traces),
        log: await c.get(log),
        erased: await c.get(erased),
        campaigns: await c.get(campaigns),
        catalog: await c.get(catalog),
        catalogAgeMs: config.CATALOG_AGE_MS,
        dataIntelligence: await c.get(dataIntelligence),
        isProvided: (id, channel) => {
          const name = toOutsideChannel(channel);
          return name !== undefined && accounts.listActive(id, name).length > 0;
        },
        defaultTimeZoneOf: (id) => directory.findWorkspace(id)?.defaultTimeZone ?? config.DEFAULT_TIME_ZONE,
      });
    },
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const track = defineService("track", {
    start: async (c) =>
      startTrack({
        bus: await c.get(bus),
        store: await c.get(store),
        metrics: await c.get(metrics),
        traces: await c.get(traces),
        log: await c.get(log),
        erased: await c.get(erased),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  // What leaves is read from the same stream as what is recorded, and grows with it.
  const outward = defineService("outward", {
    start: async (c) =>
      startOutward({
        bus: await c.get(bus),
        store: await c.get(store),
        access: await c.get(access),
        log: await c.get(log),
        metrics: await c.get(metrics),
        erased: await c.get(erased),
        allowPrivate: config.WEBHOOK_ALLOW_PRIVATE,
        eventsOut: config.EVENTS_OUT,
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const acceptor = defineService("acceptor", {
    start: async (c) =>
      new Acceptor({
        store: await c.get(store),
        bus: await c.get(bus),
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
  });
  const schedule = defineService("schedule", {
    start: async (c) =>
      startSchedule({
        acceptor: await c.get(acceptor),
        bus: await c.get(bus),
        store: await c.get(store),
        events: await c.get(events),
        access: await c.get(access),
        metrics: await c.get(metrics),
        log: await c.get(log),
        undeliveredAfterMs: config.UNDELIVERED_AFTER_MS,
        reconcileAfterMs: config.RECONCILE_AFTER_MS,
        findOrders: findOrdersIn(await c.get(store)),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const readiness = defineService("readiness", {
    start: async (c) => {
      const [busParts, storeParts] = [await c.get(bus), await c.get(store)];
      return ReadinessWatch.start({
        NATS: busParts.isConnected,
        MongoDB: async () => storeParts.ping().then(() => true),
      });
    },
    stop: (value) => value.stop(),
  });
  const health = defineService("health", {
    start: async (c) =>
      createHealthHandler({ metrics: await c.get(metrics), readiness: (await c.get(readiness)).current }),
  });
  const admin = defineService("admin", {
    start: async (c) => startAdminServer({ host: config.HOST, port: config.ADMIN_PORT, answer: await c.get(health) }),
    stop: (value) => value.stop(),
  });
  const facts = defineService("facts", {
    start: async (c): Promise<ShopperFacts> => {
      const known = await c.get(store);
      return {
        findContext: (workspaceId, userId) => findContext(known, workspaceId, userId),
        findProfile: (workspaceId, userId) => findProfileFacts(known, workspaceId, userId),
      };
    },
  });
  const triggers = defineService("triggers", {
    start: async (c) =>
      new Triggers({
        acceptor: await c.get(acceptor),
        campaigns: await c.get(campaigns),
        access: await c.get(access),
        store: await c.get(store),
        bus: await c.get(bus),
        metrics: await c.get(metrics),
        facts: await c.get(facts),
        now: () => new Date(),
      }),
  });
  const predictions = defineService("predictions", {
    start: async (c) =>
      new PredictionIntake({
        store: await c.get(store),
        triggers: await c.get(triggers),
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
  });
  const predictionIntake = defineService("prediction intake", {
    start: async (c) =>
      startPredictionIntake({
        erased: await c.get(erased),
        bus: await c.get(bus),
        log: await c.get(log),
        access: await c.get(access),
        predictions: await c.get(predictions),
        triggers: await c.get(triggers),
        check: parsePrediction,
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const silence = { afterMs: config.ABANDON_AFTER_MS, ageMsMax: config.EVENT_TRIGGER_AGE_MS, now: () => new Date() };
  const cartWatches = defineService("cart watches", {
    start: async (c) =>
      silence.afterMs === 0 ? undefined : new CartWatches({ ...silence, store: await c.get(store) }),
  });
  const abandonment = defineService("abandonment", {
    start: async (c) => {
      const watches = await c.get(cartWatches);
      if (watches === undefined) return undefined;
      return startAbandonment({
        ...silence,
        watches,
        bus: await c.get(bus),
        store: await c.get(store),
        log: await c.get(log),
        access: await c.get(access),
        metrics: await c.get(metrics),
      });
    },
    stop: async (value) => value?.[Symbol.asyncDispose](),
  });
  const eventIntake = defineService("event intake", {
    start: async (c) =>
      startEventIntake({
        erased: await c.get(erased),
        bus: await c.get(bus),
        store: await c.get(store),
        log: await c.get(log),
        access: await c.get(access),
        campaigns: await c.get(campaigns),
        triggers: await c.get(triggers),
        watches: await c.get(cartWatches),
        triggerAgeMsMax: config.EVENT_TRIGGER_AGE_MS,
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const intake = defineService("intake", {
    start: async (c) => [await c.get(predictionIntake), await c.get(eventIntake), await c.get(abandonment)],
  });
  const callLimits = {
    key: { ratePerS: config.KEY_RATE, burst: config.KEY_BURST },
    workspace: { ratePerS: config.WORKSPACE_RATE, burst: config.WORKSPACE_BURST },
  };
  const limits = defineService("limits", {
    start: async (c) =>
      new CallLimits({
        bus: await c.get(bus),
        ...callLimits,
        access: await c.get(access),
        metrics: await c.get(metrics),
        now: () => performance.now(),
      }),
    stop: (value) => value.stop(),
  });
  const drain = defineService("drain", { start: () => new AbortController() });
  const apiParts = defineService("api parts", {
    start: async (c): Promise<ApiParts> => {
      const shared = {
        store: await c.get(store),
        bus: await c.get(bus),
        events: await c.get(events),
        metrics: await c.get(metrics),
        now: () => new Date(),
      };
      return {
        ...shared,
        access: await c.get(access),
        catalog: await c.get(catalog),
        identityProviders: {
          allowHttpJwks: config.ALLOW_HTTP_JWKS,
          allowPrivateJwks: config.ALLOW_HTTP_JWKS || config.JWKS_ALLOW_PRIVATE,
          trustedIssuers: config.JWT_ISSUER === undefined ? [] : [config.JWT_ISSUER],
        },
        log: await c.get(log),
        traces: await c.get(traces),
        acceptor: await c.get(acceptor),
        channels: {
          providers: await c.get(providers),
          box: await c.get(credentialBox),
          directory: await c.get(providerDirectory),
        },
        predictions: await c.get(predictions),
        readiness: (await c.get(readiness)).current,
        drain: (await c.get(drain)).signal,
        indexedAttributes: config.PROFILE_INDEXED_ATTRIBUTES,
        limits: await c.get(limits),
        allowed: callLimits,
        defaultTimeZone: config.DEFAULT_TIME_ZONE,
        findContext: async (workspaceId, userId) => findContext(shared.store, workspaceId, userId),
        allowPrivateWebhooks: config.WEBHOOK_ALLOW_PRIVATE,
      };
    },
  });
  const api = defineService("api", {
    start: async (c) => ({
      server: await startGrpcServer({
        host: config.HOST,
        port: config.GRPC_PORT,
        api: await c.get(apiParts),
        log: await c.get(log),
        plain: await c.get(health),
      }),
      drain: await c.get(drain),
      readiness: await c.get(readiness),
    }),
    async stop(value) {
      value.readiness.drain();
      value.drain.abort();
      await value.server.stop();
    },
  });
  const announcer = defineService("announcer", {
    start: async (c) => new PresenceAnnouncer(await c.get(bus), randomUUID()),
    stop: (value) => value.stop(),
  });
  const gateway = defineService("gateway", {
    start: async (c) => {
      const [answer, parts, watch] = [await c.get(health), await c.get(apiParts), await c.get(readiness)];
      const started = await startGateway({
        config,
        bus: await c.get(bus),
        store: await c.get(store),
        access: await c.get(access),
        presence: await c.get(announcer),
        events: await c.get(events),
        log: await c.get(log),
        metrics: toGatewayMetrics(await c.get(metrics)),
        traces: await c.get(traces),
        routes: (edge) => {
          serveConnect({
            edge,
            register: (router) => registerApi(router, parts),
            router: { ...apiRouterOptions(parts), shutdownSignal: parts.drain },
          });
          serveHealth(edge, answer);
          servePages(edge, { config, access: parts.access, acceptor: parts.acceptor });
          serveUnsubscribe(edge, parts);
        },
      });
      return { started, watch, drain: await c.get(drain) };
    },
    async stop({ started, watch, drain: draining }) {
      watch.drain();
      draining.abort();
      await started.stop();
    },
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
    decide,
    deliver,
    track,
    outward,
    schedule,
    intake,
    campaigns,
    providerDirectory,
    readiness,
    admin,
    api,
    gateway,
    apiParts,
  };
}
