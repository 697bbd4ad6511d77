import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The key that an embedded engine encrypts providers' credentials with: made at the first start, for its owner's eyes only, and
 *  kept ever after, since without it they can't be read.
 *  @returns a value for CREDENTIAL_KEYS. */
export async function ensureCredentialKey(dataDir: string): Promise<string> {
  const path = join(dataDir, "credential-keys");
  try {
    // Fails where there is one, also if another start makes it at this moment.
    await writeFile(path, `local:${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  return (await readFile(path, "utf8")).trim();
}
