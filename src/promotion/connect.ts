import { readFile } from "node:fs/promises";
import type { Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { z } from "zod";
import { loadConfig } from "../config.ts";
import { credentialsPath } from "../first-start.ts";
import type { Engine } from "./kind.ts";
import { Refused } from "./thing.ts";

const file = z.object({ api_key: z.string(), grpc_url: z.string() });
const KEY = "INTERVENTION_API_KEY";
const CALL_MS_MAX = 30_000;

/** To the engine at `url` with the key of the environment, or else to the one that was started here.
 *  @throws Refused */
export async function connect(env: NodeJS.ProcessEnv, url: string | undefined): Promise<Engine> {
  const own = url === undefined ? await readOwn(env) : undefined;
  const [key, baseUrl] = [env[KEY] ?? own?.api_key, url ?? own?.grpc_url];
  if (key === undefined || baseUrl === undefined)
    throw new Refused(`--url wants the API key of that workspace in ${KEY}`);
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${key}`);
    return next(request);
  };
  const options = { baseUrl, interceptors: [authorize], defaultTimeoutMs: CALL_MS_MAX };
  return { url: new URL(baseUrl).origin, transport: createGrpcTransport(options) };
}

async function readOwn(env: NodeJS.ProcessEnv) {
  const path = credentialsPath(loadConfig(env).DATA_DIR);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Refused(`${path} can't be read: start the engine first (npm start), or say --url URL and ${KEY}`, {
      cause,
    });
  });
  return file.parse(JSON.parse(text));
}
