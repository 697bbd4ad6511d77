import { connect } from "nats";
import type { Purchase } from "../../bench/cdnow.ts";
import { startAiEngine } from "./ai-engine/start-ai-engine.ts";
import { forwardEvent } from "./event-pipeline/forward-event.ts";
import { startEventPipeline } from "./event-pipeline/start-event-pipeline.ts";
import { Faults } from "./faults/faults.ts";
import { type Place, sendJson, serveWithFaults } from "./faults/serve-with-faults.ts";
import type { EnginePlace } from "./find-engine.ts";
import { startIdentityProvider } from "./identity-provider/start-identity-provider.ts";
import { startProfileService } from "./profile-service/start-profile-service.ts";

export type SandboxOptions = {
  readonly engine: Pick<EnginePlace, "natsUrl" | "workspace" | "namespace">;
  /** Whose customers are known, in the order of their dates. */
  readonly purchases: readonly Purchase[];
  /** The first purchase that is replayed. */
  readonly from: number;
  /** Purchases replayed a second; 0 for none. */
  readonly rate: number;
  readonly ports: { readonly profiles: number; readonly identity: number; readonly events: number };
  readonly host: string;
};

export type Sandbox = AsyncDisposable & {
  readonly profilesUrl: string;
  readonly identityUrl: string;
  /** Takes events by HTTP, and sets the faults of the event pipeline and the AI engine. */
  readonly eventsUrl: string;
  /** Purchases sent so far. */
  readonly sentCount: number;
};

/** Shares of what a shop's event pipeline does now and then. */
const ABANDONED_SHARE = 0.3;
const DUPLICATE_SHARE = 0.05;

/** Starts all four neighbours of an engine that runs. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { engine, from, host, ports, purchases, rate } = options;
  await using started = new AsyncDisposableStack();
  const faults = { ai: new Faults(), events: new Faults() };
  const at = (port: number): Place => ({ host, port });
  const profiles = started.use(await startProfileService({ ...at(ports.profiles), purchases }));
  const identity = started.use(await startIdentityProvider(at(ports.identity)));
  started.use(await startAiEngine({ ...engine, faults: faults.ai }));
  const nc = started.adopt(await connect({ servers: engine.natsUrl, name: "sandbox events" }), (one) => one.close());
  const subject = `${engine.namespace === "" ? "" : `${engine.namespace}.`}events.cart.${engine.workspace}`;
  const target = { js: nc.jetstream(), subject };
  const controlled = { "/faults/event-pipeline": faults.events, "/faults/ai-engine": faults.ai };
  const events = started.use(
    await serveWithFaults(at(ports.events), controlled, (request, response) => {
      if (request.method !== "POST" || request.url !== "/events")
        return sendJson(response, 404, {
          error: "there is POST /events, and /faults/event-pipeline, /faults/ai-engine",
        });
      forwardEvent(request, target).then(
        (stored) => sendJson(response, 200, stored),
        (error: unknown) => sendJson(response, 503, { error: String(error) }),
      );
    }),
  );
  const pipeline = started.use(
    await startEventPipeline({
      ...engine,
      ...{ abandonedShare: ABANDONED_SHARE, duplicateShare: DUPLICATE_SHARE, faults: faults.events },
      ...(rate === 0 ? { purchases: [] } : { purchases: purchases.slice(from), rate }),
    }),
  );
  const running = started.move();
  return {
    profilesUrl: profiles.url,
    identityUrl: identity.url,
    eventsUrl: events.url,
    get sentCount() {
      return pipeline.counts.purchases;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
