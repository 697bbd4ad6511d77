import { existsSync, readdirSync, statSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { SetupFailure } from "./say.mjs";

/** What runs in pages. The pieces take only types from the client, so the two are files of their own. */
const libraries = ["client", "pieces"];
const outputOf = (name) => join("dist", name, "index.js");
const entryOf = (name) => join("src", name, "index.ts");

/** Compares times: everything that can end up in the bundles against the bundles. */
export function areLibrariesBuilt(root) {
  return libraries.every((name) => {
    if (!existsSync(join(root, entryOf(name)))) return true;
    if (!existsSync(join(root, outputOf(name)))) return false;
    const builtMs = statSync(join(root, outputOf(name))).mtimeMs;
    const sources = [join(root, "src", name), join(root, "gen"), join(root, "package-lock.json")];
    return sources.every((path) => newestMs(path) <= builtMs);
  });
}

/** Each browser library as one file, which the edge serves and which the package's own entry names. */
export async function buildLibraries(root) {
  const esbuild = await import(pathToFileURL(join(root, "node_modules", "esbuild", "lib", "main.js")).href);
  try {
    for (const name of libraries) await build(esbuild, root, name);
  } finally {
    await esbuild.stop();
  }
}

async function build(esbuild, root, name) {
  const draft = join(root, "dist", name, `index.${process.pid}.new.js`);
  try {
    await esbuild.build({
      entryPoints: [join(root, entryOf(name))],
      outfile: draft,
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      logLevel: "silent",
    });
    await rename(draft, join(root, outputOf(name)));
  } catch (error) {
    throw new SetupFailure(`src/${name} does not build (${error.message.split("\n")[1] ?? error.message}).`);
  } finally {
    await rm(draft, { force: true });
  }
}

function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}
