import { existsSync, readdirSync, statSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SetupFailure } from "./say.mjs";

const output = join("dist", "client", "index.js");
const entry = join("src", "client", "index.ts");

/** Compares times: everything that can end up in the bundle against the bundle. */
export function isClientBuilt(root) {
  if (!existsSync(join(root, entry))) return true;
  if (!existsSync(join(root, output))) return false;
  const builtMs = statSync(join(root, output)).mtimeMs;
  const sources = [join(root, "src", "client"), join(root, "gen"), join(root, "package-lock.json")];
  return sources.every((path) => newestMs(path) <= builtMs);
}

/** The browser library as one file, which the edge serves and which the package's own entry names. */
export async function buildClient(root) {
  const esbuild = await import(pathToFileURL(join(root, "node_modules", "esbuild", "lib", "main.js")).href);
  const draft = join(root, "dist", "client", `index.${process.pid}.new.js`);
  try {
    await esbuild.build({
      entryPoints: [join(root, entry)],
      outfile: draft,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      logLevel: "silent",
    });
    await rename(draft, join(root, output));
  } catch (error) {
    throw new SetupFailure(
      `the client library in src/client does not build (${error.message.split("\n")[1] ?? error.message}).`,
    );
  } finally {
    await rm(draft, { force: true });
    await esbuild.stop();
  }
}

function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}
