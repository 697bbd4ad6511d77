import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Purchase, readCdnow } from "../../bench/cdnow.ts";
import { startAiEngine } from "../../deploy/sandbox/ai-engine/start-ai-engine.ts";
import { startEventPipeline } from "../../deploy/sandbox/event-pipeline/start-event-pipeline.ts";
import { type FaultSettings, Faults } from "../../deploy/sandbox/faults/faults.ts";
import { SigningKeys } from "../../deploy/sandbox/identity-provider/signing-keys.ts";
import {
  type SandboxIdentityProvider,
  startIdentityProvider,
} from "../../deploy/sandbox/identity-provider/start-identity-provider.ts";
import { startProfileService } from "../../deploy/sandbox/profile-service/start-profile-service.ts";
import { type Engine, freePort, startEngine } from "../start/index.ts";
import { connectStore } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { mostFrequent } from "./testing/most-frequent.ts";
import { jwksReads, late, lookups, predictions, shopEvents } from "./testing/neighbour-figures.ts";
import { type Scrape, scrapeMetrics } from "./testing/scrape-metrics.ts";
import { connectShopper, type Shopper } from "./testing/shopper.ts";
import { SteadyFlow } from "./testing/steady-flow.ts";
import { Switchable } from "./testing/switchable.ts";

const SHOPPERS = 20;
const PURCHASES_PER_S = 8;
/** Interventions that must be accepted and land while a neighbour is ill: some two seconds of the flow. */
const MEANWHILE = 150;
const WAIT_MS = 40_000;
const SLOW: Partial<FaultSettings> = { delay_ms: 5_000 };
const GARBAGE: Partial<FaultSettings> = { garbage: true };
const TRIGGER_BATCH = "InterventionService/TriggerBatch";
const NEW = { requests: [{ recipient: { userId: "visitor" }, content: { title: "New" } }] };

/** Everything runs from the first test to the last: the engine's processes on real servers, the four neighbours, shoppers on sockets,
 *  and a flow of interventions beside the events and predictions, which no test interrupts. */
describe("under a steady load", () => {
  let dataDir: string;
  let engine: Engine;
  let flow: SteadyFlow;
  let serviceToken = "";
  let shoppers: readonly Shopper[] = [];
  let metricUrls: readonly string[] = [];
  const inInbox = new Set<string>();
  const neighbours = {
    profiles: new Switchable(new Faults(), (faults) =>
      startProfileService({ port: ports.profiles, faults, purchases }),
    ),
    identity: new Switchable(new Faults(), (faults) => startIdentityProvider({ port: ports.identity, faults, keys })),
    ai: new Switchable(new Faults(), (faults) => startAiEngine({ ...bus(), faults })),
    events: new Switchable(
      new Faults(),
      async (faults, last: Awaited<ReturnType<typeof startEventPipeline>> | undefined) => {
        sent += last?.counts.purchases ?? 0;
        return startEventPipeline({ ...bus(), faults, purchases: purchases.slice(sent), rate: PURCHASES_PER_S });
      },
    ),
  };
  const ports = { profiles: 0, identity: 0 };
  let purchases: readonly Purchase[] = [];
  let keys: SigningKeys;
  let sent = 0;
  const bus = () => ({ natsUrl: engine.servers.natsUrl, workspace: "main" });
  /** Signs also while it answers nobody. */
  let provider: SandboxIdentityProvider;
  const tokenOf = (subject: string, scope = "") => provider.issue({ subject, scope });

  beforeAll(async () => {
    [ports.profiles, ports.identity] = [await freePort(), await freePort()];
    const admin = await freePort();
    const all = await readCdnow();
    const regulars = mostFrequent(all, SHOPPERS);
    purchases = all.filter(({ customer }) => regulars.has(customer));
    keys = await SigningKeys.generate("ES256");
    provider = await neighbours.identity.start();
    const { url: profilesUrl } = await neighbours.profiles.start();
    dataDir = await mkdtemp(join(tmpdir(), "neighbours-e2e-"));
    engine = await startEngine({
      env: {
        ...process.env,
        ...{ DATA_DIR: dataDir, EDGE_PORT: "0", GRPC_PORT: "0", ADMIN_PORT: String(admin) },
        ...{ LOG_LEVEL: "warn", DRAIN_MS: "300" },
        // Asked each time, within a deadline that a busy test machine keeps and a slow neighbour does not.
        ...{ DATA_INTELLIGENCE_URL: profilesUrl, DATA_INTELLIGENCE_DEADLINE_MS: "500" },
        ...{ DATA_INTELLIGENCE_FRESH_MS: "0", DATA_INTELLIGENCE_STALE_MS: "0" },
        ...{ JWKS_REFRESH_MS: "500", JWKS_COOLDOWN_MS: "200" },
      },
      roleLogs: "files",
    });
    metricUrls = [engine.edgeUrl, engine.grpcUrl, `http://127.0.0.1:${admin}`];
    const { audience, issuer, jwksUrl } = provider;
    const identityProvider = { audience, issuer, jwksUrl, serviceRoles: ["ROLE_SENDER"] };
    await setUp("AdminService/SetIdentityProvider", { name: "workspaces/main", identityProvider });
    await setUp("CampaignService/Create", {
      campaignId: "rescue",
      campaign: {
        ...{ displayName: "Rescue", content: { title: "Still there?" }, state: "CAMPAIGN_STATE_RUNNING" },
        trigger: { prediction: "PREDICTION_KIND_ABANDONMENT_RISK" },
      },
    });
    serviceToken = await tokenOf("shop", "intervention.sender");
    await until(async () => (await call(TRIGGER_BATCH, serviceToken, NEW)) === 200, "the identity provider trusted");
    shoppers = await Promise.all(
      [...regulars].map((userId) => connectShopper({ url: engine.edgeUrl, userId, token: () => tokenOf(userId) })),
    );
    for (const { client } of shoppers)
      client.on("inbox", ({ interventionId }) => {
        if (interventionId !== undefined) inInbox.add(interventionId);
      });
    await neighbours.ai.start();
    await neighbours.events.start();
    flow = new SteadyFlow({ apiUrl: engine.grpcUrl, token: () => serviceToken, userIds: [...regulars] });
  }, 60_000);

  afterAll(async () => {
    await flow?.stop();
    for (const { client } of shoppers) client.close();
    for (const neighbour of Object.values(neighbours)) await neighbour.stop();
    await engine?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const scrape = () => scrapeMetrics(metricUrls);
  const hasLanded = (id: string) => inInbox.has(id) || shoppers.some(({ shown }) => shown.has(id));
  const call = async (method: string, credential: string, body: object): Promise<number> => {
    const response = await fetch(`${engine.grpcUrl}/intervention.v1.${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${credential}` },
      body: JSON.stringify(body),
    });
    await response.arrayBuffer();
    return response.status;
  };

  const setUp = async (method: string, body: object) =>
    expect(await call(method, engine.credentials.api_key, body), method).toBe(200);
  const openEvents = async (token: string): Promise<number> => {
    const gone = new AbortController();
    const { status } = await fetch(`${engine.edgeUrl}/v1/events?token=${token}`, { signal: gone.signal });
    gone.abort();
    return status;
  };

  /** As many are accepted from now on, and all of them land. */
  async function goesOn(): Promise<void> {
    const from = flow.accepted.length;
    const soMany = await until(
      () => flow.accepted.length >= from + MEANWHILE && flow.accepted.slice(from, from + MEANWHILE),
      `${MEANWHILE} interventions accepted`,
      WAIT_MS,
    );
    await until(() => soMany.every(hasLanded), `${MEANWHILE} interventions landed`, WAIT_MS);
  }

  /** A figure of the metrics grows from what it is now. */
  async function grows(figure: (scrape: Scrape) => number, what: string): Promise<void> {
    const before = figure(await scrape());
    await until(async () => figure(await scrape()) > before, `${what} counted`, WAIT_MS);
  }

  /** A figure of the metrics is the same after `goesOn` as before. What was under way may arrive first. */
  async function standsStill(figure: (scrape: Scrape) => number, what: string): Promise<void> {
    await until(
      async () => {
        const before = figure(await scrape());
        await goesOn();
        return figure(await scrape()) === before;
      },
      `${what} stand still`,
      WAIT_MS,
    );
  }

  const cases = [
    {
      neighbour: "the profile service",
      of: () => neighbours.profiles,
      well: lookups("fresh"),
      stopped: () => grows(lookups("fallback_error"), "profiles that can't be had"),
      slow: lookups("fallback_timeout"),
      garbage: lookups("garbage"),
    },
    {
      neighbour: "the AI engine",
      of: () => neighbours.ai,
      well: predictions("kept"),
      stopped: () => standsStill(predictions("kept"), "predictions"),
      slow: late("predictions"),
      garbage: predictions("malformed"),
    },
    {
      neighbour: "the event pipeline",
      of: () => neighbours.events,
      well: shopEvents("kept"),
      stopped: () => standsStill(shopEvents("kept"), "events"),
      slow: late("events"),
      garbage: shopEvents("malformed"),
    },
  ] as const;

  describe.each(cases)("while $neighbour", ({ of, well, stopped, slow, garbage }) => {
    it("is stopped, decisions go on and all of them land, it shows in the metrics, and it is back when it is back", async () => {
      await grows(well, "the neighbour at work");
      await of().stop();
      await Promise.all([goesOn(), stopped()]);
      await of().bringBack();
      await grows(well, "the neighbour at work again");
    });

    it.each([
      { what: "takes five seconds", fault: SLOW, figure: slow },
      { what: "talks garbage", fault: GARBAGE, figure: garbage },
    ])(
      "$what, decisions go on and all of them land, it shows in the metrics, and it is back when it is back",
      async ({ fault, figure }) => {
        of().faults.set(fault);
        await Promise.all([goesOn(), grows(figure, "the fault")]);
        await of().bringBack();
        await grows(well, "the neighbour at work again");
      },
    );
  });

  it.each([
    { what: "is stopped", ill: () => neighbours.identity.stop(), result: "unreachable" },
    { what: "takes five seconds", ill: async () => neighbours.identity.faults.set(SLOW), result: "timeout" },
    { what: "talks garbage", ill: async () => neighbours.identity.faults.set(GARBAGE), result: "garbage" },
  ])(
    "while the identity provider $what, whom it vouched for goes on, nobody new is believed, it shows, and new ones are in when it is back",
    async ({ ill, result }) => {
      await ill();
      await grows(jwksReads(result), "the fault");
      const knownUser = await tokenOf("visitor");
      await provider.rotate();
      const [newService, newUser] = [await tokenOf("shop", "intervention.sender"), await tokenOf("visitor")];
      const tryNew = () => call(TRIGGER_BATCH, newService, NEW);
      await Promise.all([
        goesOn(),
        expect(tryNew()).resolves.toBe(401),
        expect(openEvents(newUser)).resolves.toBe(401),
        expect(openEvents(knownUser)).resolves.toBe(200),
      ]);
      await neighbours.identity.bringBack();
      await grows(jwksReads("read"), "its keys read again");
      await until(
        async () => (await tryNew()) === 200 && (await openEvents(newUser)) === 200,
        "a new token believed",
        WAIT_MS,
      );
      serviceToken = newService;
    },
  );

  it("not one of all accepted interventions was left undecided, lost or shown twice", async () => {
    await neighbours.events.stop();
    await flow.stop();
    const store = await connectStore({ url: engine.servers.mongodbUrl, database: "intervention", name: "test" });
    try {
      const ledger = await until(
        async () => {
          const found = await store.interventions.find({}, { projection: { userId: 1 } }).toArray();
          const decided = await store.decisions.countDocuments({});
          return found.length === decided && found;
        },
        "every intervention decided",
        WAIT_MS,
      );
      const ours = ledger.filter(({ userId }) => userId !== "visitor").map(({ _id }) => _id);
      expect(new Set(ours)).toEqual(new Set([...ours, ...flow.accepted]));
      expect(ours.length - flow.accepted.length, "asked for by the campaign").toBeGreaterThan(0);
      await until(() => ours.every(hasLanded), "everything landed", WAIT_MS);
      expect(shoppers.flatMap(({ shown }) => [...shown].filter(([, count]) => count !== 1))).toEqual([]);
    } finally {
      await store.close();
    }
  });
});
