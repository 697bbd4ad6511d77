import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { SetupFailure } from "./say.mjs";

/** The first that reads TypeScript without a flag. */
const minorMin = 18;

/**
 * The Node that runs the program: this one when it is a 22, else the one that the lock file pins as a package and that
 * `npm ci` has just unpacked, its hash checked. Another major will not do: the WebSocket server's add-on is built for 22.
 *
 * @param {string} root
 * @param {{ version: string, execPath: string }} running
 */
export function findNode22(root, running = { version: process.versions.node, execPath: process.execPath }) {
  const [major, minor] = running.version.split(".").map(Number);
  // `npm run` puts node_modules/.bin first, so this is often the pinned one, by a link that `npm ci` takes away.
  if (major === 22 && minor >= minorMin) return realpathSync(running.execPath);
  const pinned = join(root, "node_modules", `node-linux-${process.arch}`, "bin", "node");
  if (process.platform === "linux" && existsSync(pinned)) return pinned;
  throw new SetupFailure(
    process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64")
      ? `npm left out the package node-linux-${process.arch}: check that optional packages are not turned off (npm config get omit), delete node_modules and try again.`
      : `on ${process.platform} ${process.arch} the engine needs Node 22.${minorMin} or a later 22 and this is ${running.version}: install Node 22 and try again.`,
  );
}
