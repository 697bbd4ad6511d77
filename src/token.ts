import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { z } from "zod";
import { loadConfig } from "./config.ts";
import { credentialsPath } from "./first-start.ts";

const file = z.object({ api_key: z.string(), grpc_url: z.string() });
const answer = z.object({ token: z.string() });

/** `npm run token -- --user U [--ttl SECONDS]`: prints a token for a user's sockets and inbox, by asking the running engine. */
async function main(): Promise<string> {
  const { values } = parseArgs({ options: { user: { type: "string" }, ttl: { type: "string", default: "3600" } } });
  if (values.user === undefined) throw new Error("say for whom: npm run token -- --user U");
  if (!/^\d+$/.test(values.ttl)) throw new Error(`--ttl ${values.ttl} is no number of seconds`);
  const path = credentialsPath(loadConfig(process.env).DATA_DIR);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Error(`${path} can't be read: start the engine first (npm start), or set DATA_DIR to its folder`, {
      cause,
    });
  });
  const { api_key, grpc_url } = file.parse(JSON.parse(text));
  const response = await fetch(`${grpc_url}/intervention.v1.SessionService/CreateToken`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${api_key}` },
    body: JSON.stringify({ userId: values.user, ttl: `${values.ttl}s` }),
  }).catch((cause: unknown) => {
    throw new Error(`the engine does not answer at ${grpc_url}: start it with npm start`, { cause });
  });
  if (!response.ok) throw new Error(`the engine refused: ${await response.text()}`);
  return answer.parse(await response.json()).token;
}

try {
  process.stdout.write(`${await main()}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
