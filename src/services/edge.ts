import { randomUUID } from "node:crypto";
import { type ApiParts, apiRouterOptions, registerApi } from "../api/api-routes.ts";
import { startGrpcServer } from "../api/grpc-server.ts";
import { PresenceAnnouncer } from "../bus/index.ts";
import { serveCallbacks } from "../callbacks/serve-callbacks.ts";
import type { Config } from "../config.ts";
import { defineService } from "../container.ts";
import { serveHealth, toGatewayMetrics } from "../edge-extras.ts";
import { serveConnect, startGateway } from "../gateway/index.ts";
import { CallLimits } from "../integrations/call-limits.ts";
import { toConfirmUrls } from "../integrations/confirm-links.ts";
import { toFindCarriage } from "../integrations/find-carriage.ts";
import { toPreferenceUrls } from "../integrations/preference-links.ts";
import { createHealthHandler, ReadinessWatch, startAdminServer } from "../observe/index.ts";
import { serveConfirm } from "../pages/serve-confirm.ts";
import { serveLinks } from "../pages/serve-links.ts";
import { servePages } from "../pages/serve-pages.ts";
import { servePreferences } from "../pages/serve-preferences.ts";
import { serveUnsubscribe } from "../pages/serve-unsubscribe.ts";
import { CampaignSimulator } from "../roles/campaign-simulator.ts";
import { findProfileFacts } from "../roles/profile-facts.ts";
import { findContext, findOrdersIn } from "../roles/shopper-contexts.ts";
import type { CallbackServices } from "./callbacks.ts";
import type { IntakeServices } from "./intake.ts";
import type { SharedServices } from "./shared.ts";

/** What answers: the API, the gateway, health. */
export function defineEdge(
  config: Config,
  shared: SharedServices,
  intake: IntakeServices,
  { callbackRoutes }: Pick<CallbackServices, "callbackRoutes">,
) {
  const {
    log,
    metrics,
    traces,
    bus,
    store,
    access,
    events,
    catalog,
    segments,
    trackedLinks,
    choices,
    providers,
    providerDirectory,
    credentialBox,
    acceptor,
  } = shared;
  const { predictions } = intake;
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
        segments: await c.get(segments),
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
        simulator: new CampaignSimulator({
          ...{ store: shared.store, now: shared.now, access: await c.get(access) },
          ...toFindCarriage(await c.get(providerDirectory)),
          defaultTimeZone: config.DEFAULT_TIME_ZONE,
        }),
        predictions: await c.get(predictions),
        choices: await c.get(choices),
        findOrders: findOrdersIn(shared.store),
        readiness: (await c.get(readiness)).current,
        drain: (await c.get(drain)).signal,
        indexedAttributes: config.PROFILE_INDEXED_ATTRIBUTES,
        limits: await c.get(limits),
        allowed: callLimits,
        defaultTimeZone: config.DEFAULT_TIME_ZONE,
        findContext: async (workspaceId, userId) => findContext(shared.store, workspaceId, userId),
        findProfileFacts: (workspaceId, userId) => findProfileFacts(shared.store, workspaceId, userId),
        findProfile: async (workspaceId, userId) => findProfileFacts(shared.store, workspaceId, userId),
        allowPrivateWebhooks: config.WEBHOOK_ALLOW_PRIVATE,
        toConfirmUrl: toConfirmUrls(config.PUBLIC_URL),
        toPreferenceUrl: toPreferenceUrls(await c.get(access), config.PUBLIC_URL),
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
      const [links, hits] = [await c.get(trackedLinks), await c.get(metrics)];
      const [callbacks, directory] = [await c.get(callbackRoutes), await c.get(providerDirectory)];
      let linksKept = async () => {};
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
          servePreferences(edge, parts);
          serveConfirm(edge, parts);
          serveCallbacks(edge, callbacks, { ...parts, directory, metrics: hits });
          linksKept = serveLinks(edge, { ...parts, links, metrics: hits });
        },
      });
      return { started, watch, drain: await c.get(drain), linksKept: () => linksKept() };
    },
    async stop({ started, watch, drain: draining, linksKept }) {
      watch.drain();
      draining.abort();
      await started.stop();
      await linksKept();
    },
  });
  return { readiness, health, admin, limits, drain, apiParts, api, announcer, gateway };
}
