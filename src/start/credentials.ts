import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { StartFailure } from "./start-failure.ts";

export interface Credentials {
  readonly workspace: string;
  readonly apiKey: string;
}

const schema = z.object({ workspace: z.string().min(1), api_key: z.string().min(1) });

export function credentialsPath(dataDir: string): string {
  return join(dataDir, "credentials.json");
}

/** What the first start of the engine wrote for its user. */
export async function readCredentials(dataDir: string): Promise<Credentials> {
  const path = credentialsPath(dataDir);
  try {
    const { workspace, api_key } = schema.parse(JSON.parse(await readFile(path, "utf8")));
    return { workspace, apiKey: api_key };
  } catch (cause) {
    throw new StartFailure(
      `${path} cannot be read as the engine's credentials: move it away, and the next start writes it anew.`,
      {
        cause,
      },
    );
  }
}
