import { randomBytes } from "node:crypto";
import { benchAttribution } from "./attribution.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { cpuBetween, readFigures, sum } from "./process-figures.ts";
import { openTrackStore } from "./track/open-track-store.ts";
import { reportInBatches } from "./track/report-in-batches.ts";
import { reportOverSockets } from "./track/report-over-sockets.ts";
import { timeDashboard } from "./track/time-dashboard.ts";
import { timeRedirects } from "./track/time-redirects.ts";

export type TrackOptions = {
  /** Reported in batches, and as many over sockets. */
  readonly events: number;
  readonly sockets: number;
  /** Clicks a second, for so long. */
  readonly rate: number;
  readonly seconds: number;
  readonly conversions: number;
  readonly say: (line: string) => void;
};

const bigAttributionChannels = 12;

/** Reports touchpoints by every way in, follows links, looks at figures and credits orders; and counts whether all of it is there once. */
export function benchTrack(options: TrackOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ events, sockets, rate, seconds, conversions, say }: TrackOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(
    await startBenchEngine({ env: { CREDENTIAL_KEYS: `bench:${randomBytes(32).toString("base64")}` } }),
  );
  const store = own(await openTrackStore(engine));
  const atStart = readFigures(engine);

  say(`Reporting ${events} events in batches.`);
  const batches = await reportInBatches(engine, store, events);
  const afterBatches = readFigures(engine);
  say(`Reporting ${events} events over ${sockets} sockets.`);
  const overSockets = await reportOverSockets(engine, store, { events, sockets });
  const afterSockets = readFigures(engine);
  say(`Following ${rate} links a second for ${seconds} s.`);
  const redirects = await timeRedirects(engine, store, { rate, seconds });
  const afterRedirects = readFigures(engine);
  say("Looking at 30 days of figures.");
  const dashboard = await timeDashboard(engine, store);
  say("Crediting orders.");
  const attribution = benchAttribution({ conversions, channels: bigAttributionChannels, say: () => undefined });
  const phases = [batches, overSockets, redirects];
  return {
    batch_per_s: Math.round(batches.storedPerS),
    socket_per_s: Math.round(overSockets.storedPerS),
    redirect_p99_ms: redirects.p99Ms,
    redirect_p50_ms: redirects.p50Ms,
    dashboard_ms: dashboard.ms,
    dashboard_events: dashboard.events,
    lost: sum(phases.map(({ lost }) => lost)),
    twice: sum(phases.map(({ twice }) => twice)),
    attribution_s: attribution.seconds,
    rolled_up_after_s: batches.rolledUpAfterS,
    events,
    sockets,
    rate,
    cpu_by: {
      batches: cpuBetween(atStart, afterBatches),
      sockets: cpuBetween(afterBatches, afterSockets),
      redirects: cpuBetween(afterSockets, afterRedirects),
    },
    rss_mb: Math.round(sum(afterRedirects.rssMb)),
  };
}
