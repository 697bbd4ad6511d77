import autocannon from "autocannon";
import { startBenchEngine } from "./bench-engine.ts";
import { type Closing, closing } from "./closing.ts";

export type HttpOptions = {
  readonly connections: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
};

const users = 1_000;
const warmupSeconds = 3;

/** How fast Connect's JSON Trigger is on each port by a common tool (autocannon): as many calls as it can, each of so many
 *  connections with one call under way. */
export function benchHttp(options: HttpOptions) {
  return closing((scope) => measureBoth(options, scope));
}

async function measureBoth({ connections, seconds, say }: HttpOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine());
  const measure = async (port: string, url: string) => {
    say(`Calling the ${port} port for ${seconds} s.`);
    const run = (duration: number) => trigger({ url, apiKey: engine.credentials.api_key, connections, duration });
    await run(warmupSeconds);
    const { requests, latency, errors, timeouts, non2xx } = await run(seconds);
    const failed = errors + timeouts + non2xx;
    return { calls_per_s: Math.round(requests.average), p50_ms: latency.p50, p99_ms: latency.p99, failed };
  };
  return {
    connections,
    seconds,
    edge: await measure("edge", engine.edgeUrl),
    grpc: await measure("gRPC", engine.grpcUrl),
  };
}

function trigger(options: {
  readonly url: string;
  readonly apiKey: string;
  readonly connections: number;
  readonly duration: number;
}): Promise<autocannon.Result> {
  let n = 0;
  const { url, apiKey, connections, duration } = options;
  return autocannon({
    url: `${url}/intervention.v1.InterventionService/Trigger`,
    connections,
    duration,
    requests: [
      {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${apiKey}` },
        // Without an idempotency key each call is a new intervention.
        setupRequest: (request) => {
          n += 1;
          const body = JSON.stringify({
            recipient: { userId: `user-${n % users}` },
            content: { title: `Offer ${n}` },
            campaign: "bench",
          });
          return { ...request, body };
        },
      },
    ],
  });
}
