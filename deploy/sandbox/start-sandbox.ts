import type { Purchase } from "../../bench/cdnow.ts";
import { closing } from "../../bench/closing.ts";
import { startAiEngine } from "./ai-engine/start-ai-engine.ts";
import { startEventPipeline } from "./event-pipeline/start-event-pipeline.ts";
import { startForwarding } from "./event-pipeline/start-forwarding.ts";
import { Faults } from "./faults/faults.ts";
import { type Place, serveWithFaults } from "./faults/serve-with-faults.ts";
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

export type Sandbox = {
  readonly profilesUrl: string;
  readonly identityUrl: string;
  /** Takes events by HTTP, and sets the faults of the event pipeline and the AI engine. */
  readonly eventsUrl: string;
  /** Purchases sent so far. */
  readonly sentCount: () => number;
};

/** Shares of what a shop's event pipeline does now and then. */
const ABANDONED_SHARE = 0.3;
const DUPLICATE_SHARE = 0.05;

/** Starts all four neighbours of an engine that runs, and ends them after the work with them. */
export function runSandbox<T>(options: SandboxOptions, work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const { engine, from, host, ports, purchases, rate } = options;
  return closing(async ({ own }) => {
    const faults = { ai: new Faults(), events: new Faults() };
    const at = (port: number): Place => ({ host, port });
    const profiles = own(await startProfileService({ ...at(ports.profiles), purchases }));
    const identity = own(await startIdentityProvider(at(ports.identity)));
    own(await startAiEngine({ ...engine, faults: faults.ai }));
    const forward = own(await startForwarding(engine));
    const controlled = { "/faults/event-pipeline": faults.events, "/faults/ai-engine": faults.ai };
    const events = own(await serveWithFaults(at(ports.events), controlled, forward.handle));
    const pipeline = own(
      await startEventPipeline({
        ...engine,
        ...{ abandonedShare: ABANDONED_SHARE, duplicateShare: DUPLICATE_SHARE, faults: faults.events },
        ...(rate === 0 ? { purchases: [] } : { purchases: purchases.slice(from), rate }),
      }),
    );
    return await work({
      profilesUrl: profiles.url,
      identityUrl: identity.url,
      eventsUrl: events.url,
      sentCount: () => pipeline.counts.purchases,
    });
  });
}
