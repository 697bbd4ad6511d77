import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Config, loadConfig } from "./config.ts";
import { OUTSIDE_CHANNELS } from "./domain/delivery/channel-names.ts";
import { createWorkspace } from "./integrations/access-directory.ts";
import { KeyEnded } from "./integrations/create-workspace.ts";
import { connectStore, insertProviderAccount, type Store } from "./store/index.ts";

/** What a newcomer and his scripts need to call the engine. */
export type Credentials = {
  readonly workspace: string;
  readonly api_key: string;
  readonly edge_url: string;
  readonly grpc_url: string;
};

/** The file cannot be read as what an earlier start wrote. */
export class BadCredentialsFile extends Error {}

const file = z.object({ workspace: z.string().min(1), api_key: z.string().min(1) });

export const credentialsPath = (dataDir: string) => join(dataDir, "credentials.json");

/** Sees to it that there is a workspace with the platform's key, and that `credentials.json` has it: made at the first start, kept ever
 *  after. A store that does not know the key, because it is a new one, learns it. Run it once before the roles, not in each.
 *  @param options.isDevelopment gives that workspace an outbox, where emails and the like can be looked at. Default: false.
 *  @throws BadCredentialsFile */
export async function ensureCredentials(
  config: Config,
  urls: { readonly edgeUrl: string; readonly grpcUrl: string },
  options: { readonly isDevelopment?: boolean } = {},
): Promise<Credentials> {
  const path = credentialsPath(config.DATA_DIR);
  const known = await findCredentials(path);
  const store = await connectStore({
    url: config.MONGODB_URL ?? "",
    database: config.MONGODB_DATABASE,
    name: "intervention-engine first start",
  });
  try {
    const workspace = known?.workspace ?? config.WORKSPACE;
    const { apiKey } = await createWorkspace(store, workspace, known?.api_key, { isPlatform: true }).catch(
      (cause: unknown) => {
        if (!(cause instanceof KeyEnded)) throw cause;
        throw new BadCredentialsFile(
          `${cause.message}: put the new one into ${path}, or move the file away, and the next start makes a new key`,
          { cause },
        );
      },
    );
    // On servers of one's own nobody wants messages kept in place of being sent.
    if (options.isDevelopment === true) await ensureOutbox(store, workspace);
    const credentials = { workspace, api_key: apiKey, edge_url: urls.edgeUrl, grpc_url: urls.grpcUrl };
    await mkdir(config.DATA_DIR, { recursive: true });
    // Written beside and renamed, so that nobody reads half of it; for its owner's eyes only.
    await writeFile(`${path}.new`, `${JSON.stringify(credentials, undefined, 2)}\n`, { mode: 0o600 });
    await rename(`${path}.new`, path);
    return credentials;
  } finally {
    await store.close();
  }
}

/** Made once: one that was deleted stays so. */
async function ensureOutbox(store: Store, workspaceId: string): Promise<void> {
  const at = new Date();
  for (const channel of OUTSIDE_CHANNELS)
    await insertProviderAccount(store, {
      ...{ _id: `pa_outbox_${workspaceId}_${channel}`, workspaceId, channel, provider: "outbox" },
      ...{ displayName: "Kept to be looked at", from: channel === "email" ? "shop@example.com" : "Shop" },
      ...{ replyTo: "", webhookUrl: "", ratePerS: 0, order: 1_000, sandboxTo: "" },
      ...{ state: "active", reason: "", revision: 1, createdAt: at, updatedAt: at },
    });
}

async function findCredentials(path: string): Promise<z.output<typeof file> | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return file.parse(JSON.parse(text));
  } catch (cause) {
    throw new BadCredentialsFile(
      `${path} can't be read as the engine's credentials: move it away, and the next start makes a new key`,
      { cause },
    );
  }
}

// A deployment runs this once before its roles: `node src/first-start.ts`.
if (import.meta.main) {
  const config = loadConfig(process.env);
  const { workspace } = await ensureCredentials(config, {
    edgeUrl: `http://${config.HOST}:${config.EDGE_PORT}`,
    grpcUrl: `http://${config.HOST}:${config.GRPC_PORT}`,
  });
  process.stderr.write(`workspace "${workspace}" is there; its key is in ${credentialsPath(config.DATA_DIR)}\n`);
}
