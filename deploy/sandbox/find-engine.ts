import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** Where the running engine is. */
export type EnginePlace = {
  readonly workspace: string;
  readonly edgeUrl: string;
  readonly grpcUrl: string;
  readonly natsUrl: string;
  /** Prefix of streams and subjects; empty for none. */
  readonly namespace: string;
};

/** There is no engine to be beside. */
export class NoEngine extends Error {}

const credentials = z.object({ workspace: z.string(), edge_url: z.string(), grpc_url: z.string() });
const ANSWER_MS_MAX = 5_000;
const listenLine = /^listen: "([^"]+)"$/m;

/** Finds the engine of `npm start` by what it has left in its data folder: `credentials.json`, and where its embedded NATS listens.
 *  @param env the engine's own settings: DATA_DIR, NAMESPACE, and NATS_URL where the server is not embedded.
 *  @throws NoEngine in one sentence. */
export async function findEngine(env: Readonly<Record<string, string | undefined>>): Promise<EnginePlace> {
  const dataDir = env.DATA_DIR || ".data";
  const path = join(dataDir, "credentials.json");
  const parsed = credentials.safeParse(await readFile(path, "utf8").then(JSON.parse).catch(toUndefined));
  if (!parsed.success)
    throw new NoEngine(`${path} can't be read: start the engine first (npm start), or set DATA_DIR to its folder.`);
  const { edge_url: edgeUrl, grpc_url: grpcUrl, workspace } = parsed.data;
  return {
    ...{ workspace, edgeUrl, grpcUrl, namespace: env.NAMESPACE ?? "" },
    natsUrl: env.NATS_URL || (await findEmbeddedNats(dataDir)),
  };
}

/** What an engine has left does not say whether it still runs.
 *  @throws NoEngine in one sentence. */
export async function ensureRunning({ edgeUrl }: Pick<EnginePlace, "edgeUrl">): Promise<void> {
  const response = await fetch(`${edgeUrl}/healthz`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).catch(toUndefined);
  if (response?.ok !== true) throw new NoEngine(`the engine does not answer at ${edgeUrl}: start it with npm start.`);
}

async function findEmbeddedNats(dataDir: string): Promise<string> {
  const path = join(dataDir, "nats-server.conf");
  const address = listenLine.exec((await readFile(path, "utf8").catch(toUndefined)) ?? "")?.[1];
  if (address === undefined)
    throw new NoEngine(`${path} names no server: set NATS_URL to the one that the engine is on.`);
  return `nats://${address}`;
}

/** Why a file can't be read is nothing the sentence would gain by. */
const toUndefined = (): undefined => undefined;
