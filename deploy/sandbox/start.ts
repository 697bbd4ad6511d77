import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readCdnow } from "../../bench/cdnow.ts";
import { ensureRunning, findEngine, NoEngine } from "./find-engine.ts";
import { runSandbox } from "./start-sandbox.ts";

const help = `npm run sandbox starts working neighbours beside a running engine (npm start), until it is stopped: a profile
service, an identity provider, an AI engine, and an event pipeline that replays the purchases of a real shop.

  --rate R   purchases replayed a second (default 1; 0 for none)
  --port P   the first of three ports (default 7070)

DATA_DIR, NATS_URL and NAMESPACE must be those of the engine.
`;

const HOST = "127.0.0.1";
const PORT = 7_070;

/** Unfit arguments. */
class UsageError extends Error {}

function toNumber(text: string | undefined, name: string, otherwise: number, max: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value >= 0 && value <= max)) throw new UsageError(`--${name} ${text}: a number from 0 to ${max}`);
  return value;
}

/** `npm run sandbox`: starts all neighbours, says where they are, and stays until a signal ends it. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rate: { type: "string" }, port: { type: "string" }, help: { type: "boolean", default: false } },
  });
  if (values.help) return void process.stdout.write(help);
  const rate = toNumber(values.rate, "rate", 1, 10_000);
  const port = toNumber(values.port, "port", PORT, 65_533);
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
  const engine = await findEngine(process.env);
  await ensureRunning(engine);
  const purchases = await readCdnow();
  // The engine knows events by their ids: what an earlier sandbox has sent would change nothing.
  const positionPath = join(process.env.DATA_DIR || ".data", "sandbox-position");
  const from = Number(await readFile(positionPath, "utf8").catch(() => "0")) % purchases.length || 0;
  const ports = { profiles: port, identity: port + 1, events: port + 2 };
  const sent = await runSandbox(
    { ...{ engine, purchases, from, rate, ports }, host: HOST },
    async ({ eventsUrl, identityUrl, profilesUrl, sentCount }) => {
      process.stdout.write(`The sandbox is beside the engine of workspace "${engine.workspace}" at ${engine.edgeUrl}.

  profile service    ${profilesUrl}
  identity provider  ${identityUrl}/.well-known/openid-configuration
  event pipeline     ${eventsUrl}/events (POST a CloudEvent), ${rate} purchases a second
  faults             PUT ${profilesUrl}/faults, ${identityUrl}/faults,
                     ${eventsUrl}/faults/event-pipeline, ${eventsUrl}/faults/ai-engine

The engine asks the profile service when it was started with DATA_INTELLIGENCE_URL=${profilesUrl}.
deploy/sandbox/README.md has examples to paste.
`);
      await stopped;
      return sentCount();
    },
  );
  await writeFile(positionPath, String(from + sent));
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && "code" in error);
  if (!(error instanceof NoEngine || isUsage)) throw error;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${isUsage ? `\n\n${help}` : "\n"}`);
  process.exitCode = 1;
}
