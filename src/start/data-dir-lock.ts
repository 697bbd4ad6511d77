import { join } from "node:path";
import { takeLock } from "../../deploy/setup/lock-file.mjs";
import { StartFailure } from "./start-failure.ts";

const lockFileName = "engine.lock";

/**
 * Makes one data folder belong to one engine: two of them on one folder would corrupt the embedded servers' files.
 * A lock left by an engine that was killed does not stand in the way. Returns what gives the folder back.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const lock = await takeLock(join(dataDir, lockFileName));
  if (lock.kind === "taken") return lock.release;
  throw new StartFailure(
    `the data folder ${dataDir} is in use by the engine with pid ${lock.pid}: stop that one, or set DATA_DIR to another folder.`,
  );
}
