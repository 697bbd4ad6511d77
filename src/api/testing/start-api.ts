import { randomBytes } from "node:crypto";
import pino from "pino";
import { inject } from "vitest";
import { Acceptor } from "../../accept/acceptor.ts";
import { connectBus, EventPublisher } from "../../bus/index.ts";
import { createProviders } from "../../channels/create-providers.ts";
import { CredentialBox } from "../../channels/credential-box.ts";
import type { KnownProvider } from "../../channels/known-provider.ts";
import { AccessDirectory, createWorkspace } from "../../integrations/access-directory.ts";
import { CampaignDirectory } from "../../integrations/campaign-directory.ts";
import { CatalogView } from "../../integrations/catalog-view.ts";
import { ChoiceModel } from "../../integrations/choice-model.ts";
import { toFindCarriage } from "../../integrations/find-carriage.ts";
import { ProviderDirectory } from "../../integrations/provider-directory.ts";
import { createMetrics, startTraces } from "../../observe/index.ts";
import { CampaignSimulator } from "../../roles/campaign-simulator.ts";
import { PredictionIntake } from "../../roles/prediction-intake.ts";
import { findProfileFacts } from "../../roles/profile-facts.ts";
import { findContext, findOrdersIn } from "../../roles/shopper-contexts.ts";
import { Triggers } from "../../roles/triggers.ts";
import { connectStore } from "../../store/index.ts";
import { deleteStreams } from "../../testing/delete-streams.ts";
import type { ApiParts } from "../api-routes.ts";
import { startGrpcServer } from "../grpc-server.ts";

const log = pino({ level: "silent" });

/** A bus and a store that nobody else uses, on the servers of the test run. */
export async function connectParts() {
  const own = `t${randomBytes(6).toString("hex")}`;
  const store = await connectStore({ url: inject("mongodbUrl"), database: own, name: "test" });
  const bus = await connectBus({
    servers: inject("natsUrl"),
    name: "test",
    namespace: own,
    streams: { replicas: 1, historyMax: 256, historyAgeMs: 3_600_000 },
    syncCheck: { monitorUrl: inject("natsMonitorUrl"), allowUnsynced: false },
  });
  const { apiKey } = await createWorkspace(store, "main");
  const { apiKey: otherApiKey } = await createWorkspace(store, "other");
  const access = await AccessDirectory.start(store, log);
  return {
    store,
    bus,
    access,
    apiKey,
    otherApiKey,
    log,
    async [Symbol.asyncDispose]() {
      access.stop();
      await deleteStreams(bus);
      await store.db.dropDatabase();
      await bus.close();
      await store.close();
    },
  };
}

/** The whole API on a port of its own.
 *  @param providers beside the engine's own. */
export async function startApi(overrides: Partial<ApiParts> = {}, providers: readonly KnownProvider[] = []) {
  const parts = await connectParts();
  const { store, bus, access } = parts;
  const draining = new AbortController();
  const metrics = createMetrics();
  const acceptor = new Acceptor({ store, bus, now: () => new Date(), metrics });
  const campaigns = await CampaignDirectory.start({ store, bus, log });
  const facts = { findContext: async () => undefined, findProfile: async () => undefined };
  const triggers = new Triggers({ acceptor, campaigns, access, store, bus, metrics, facts, now: () => new Date() });
  const directory = await ProviderDirectory.start({ store, bus, log });
  const box = new CredentialBox([{ id: "test", key: new Uint8Array(32).fill(1) }]);
  const choices = await ChoiceModel.start({ store, log, now: overrides.now ?? (() => new Date()) });
  const api: ApiParts = {
    channels: { providers: [...createProviders({ store, allowPrivate: true }), ...providers], box, directory },
    ...{ store, bus, access, log, metrics },
    simulator: new CampaignSimulator({
      ...{ store, access, now: () => new Date(), defaultTimeZone: "UTC" },
      ...toFindCarriage(directory),
    }),
    predictions: new PredictionIntake({ store, triggers, metrics, now: () => new Date() }),
    traces: startTraces({ sampleRatio: 0, service: "test" }),
    acceptor,
    events: new EventPublisher(bus),
    catalog: new CatalogView({ bus, store }),
    readiness: () => ({ ok: bus.isConnected(), reasons: bus.isConnected() ? [] : ["the bus does not answer"] }),
    now: () => new Date(),
    drain: draining.signal,
    indexedAttributes: ["plan"],
    allowed: { key: { ratePerS: 1_000, burst: 2_000 }, workspace: { ratePerS: 5_000, burst: 10_000 } },
    defaultTimeZone: "UTC",
    choices,
    findOrders: findOrdersIn(store),
    findContext: (workspaceId, userId) => findContext(store, workspaceId, userId),
    findProfileFacts: (workspaceId, userId) => findProfileFacts(store, workspaceId, userId),
    findProfile: (workspaceId, userId) => findProfileFacts(store, workspaceId, userId),
    ...overrides,
  };
  const server = await startGrpcServer({ host: "127.0.0.1", port: 0, api, log, stopMsMax: 2_000 });
  return {
    ...parts,
    api,
    server,
    url: `http://127.0.0.1:${server.port}`,
    address: `127.0.0.1:${server.port}`,
    async stop() {
      draining.abort();
      await server.stop();
    },
    async [Symbol.asyncDispose]() {
      campaigns.stop();
      directory.stop();
      choices.stop();
      draining.abort();
      await server.stop();
      await parts[Symbol.asyncDispose]();
    },
  };
}
