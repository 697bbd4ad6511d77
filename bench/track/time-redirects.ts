import { Agent, request } from "node:http";
import { TrackedLinks } from "../../src/integrations/tracked-links.ts";
import type { Engine } from "../../src/start/index.ts";
import { Latencies } from "../latencies.ts";
import type { TrackStore } from "./open-track-store.ts";
import { waitForAll } from "./wait-for-all.ts";

const interventions = 1_000;
const warmupClicks = 500;
const chrome = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/** Follows links at intended times that wait for nobody: latency counts from there. */
export async function timeRedirects(
  engine: Engine,
  store: TrackStore,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
) {
  const ids = await store.send("r", interventions, interventions);
  const before = await store.events.estimatedDocumentCount();
  const links = new TrackedLinks(engine.config.CREDENTIAL_KEYS);
  const urls = ids.map((interventionId) => {
    const message = { workspaceId: store.workspaceId, interventionId, channel: "email", campaign: "c" };
    return links.toUrls(engine.edgeUrl, message)?.click("https://shop.example/boots", "buy") ?? "";
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const latencies = new Latencies();
  const click = (n: number, intendedMs: number | undefined) =>
    new Promise<void>((resolve, reject) => {
      const headers = { "user-agent": chrome };
      const sent = request(urls[n % urls.length] ?? "", { agent, headers }, (answer) => {
        answer.resume();
        if (answer.statusCode !== 302) reject(new Error(`a link answered ${answer.statusCode}`));
        if (intendedMs !== undefined) latencies.record(performance.now() - intendedMs);
        answer.on("end", resolve);
      });
      sent.on("error", reject);
      sent.end();
    });
  for (let n = 0; n < warmupClicks; n += 1) await click(n, undefined);
  const startMs = performance.now();
  const total = rate * seconds;
  const open: Promise<void>[] = [];
  for (let n = 0; n < total; ) {
    const dueMs = performance.now() - startMs;
    for (; n < total && (n / rate) * 1_000 <= dueMs; n += 1) open.push(click(n, startMs + (n / rate) * 1_000));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  agent.destroy();
  const missing = await waitForAll(store.events as never, before, total + warmupClicks);
  const { p50, p99 } = latencies.percentiles();
  return { p50Ms: p50, p99Ms: p99, lost: Math.max(0, missing), twice: Math.max(0, -missing) };
}
