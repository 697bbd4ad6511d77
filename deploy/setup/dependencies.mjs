import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { explainFailure } from "./explain-failure.mjs";
import { runTool } from "./run-tool.mjs";
import { SetupFailure } from "./say.mjs";

/**
 * Whether node_modules holds what package-lock.json says. npm writes its own account of what it installed last of all,
 * so an interrupted `npm ci` is seen too. Packages for other platforms are optional and may be absent.
 *
 * @param {string} root
 */
export function areDependenciesInstalled(root) {
  const wanted = readPackages(join(root, "package-lock.json"));
  const installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  return wanted !== undefined && installed !== undefined && isSatisfied({ wanted, installed });
}

/**
 * @param {{ wanted: Record<string, LockEntry>, installed: Record<string, LockEntry> }} locks
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, devOptional?: boolean, peer?: boolean }} LockEntry
 */
export function isSatisfied({ wanted, installed }) {
  const isEveryWantedThere = Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const there = installed[path];
    if (there === undefined) return entry.optional === true || entry.devOptional === true;
    return there.version === entry.version && there.integrity === entry.integrity;
  });
  return isEveryWantedThere && Object.keys(installed).every((path) => path in wanted);
}

/** Install scripts are off: none is needed, and what does not run cannot harm. */
export async function installDependencies(root) {
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--engine-strict=false", "--loglevel=error"];
  // npm's own patience is minutes of silence; a registry that is there answers in seconds.
  const patience = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"];
  const [command, ...before] = npmCommand();
  const result = await runTool(command, [...before, "ci", ...flags, ...patience], { cwd: root });
  if (result.kind === "missing") {
    throw new SetupFailure("npm is not on the PATH: install it (Debian: apt-get install npm) and try again.");
  }
  if (result.code !== 0) {
    throw new SetupFailure(explainFailure({ tool: "npm", output: result.output, folder: root, wayOut: "" }));
  }
  await verify(root, ["esbuild", "buf"]);
}

/** How many of the wanted packages are unpacked by now, in words. */
export function installProgress(root) {
  const wanted = Object.entries(readPackages(join(root, "package-lock.json")) ?? {});
  const paths = wanted.filter(([path, entry]) => path !== "" && !entry.optional).map(([path]) => path);
  const there = paths.filter((path) => existsSync(join(root, path, "package.json"))).length;
  return `${there} of about ${paths.length} packages`;
}

/** The npm that runs us, if one does; its path is in the environment, while the one on the PATH may be another. */
function npmCommand() {
  const path = process.env.npm_execpath;
  return path?.endsWith("npm-cli.js") && existsSync(path) ? [process.execPath, path] : ["npm"];
}

/** Tools whose binaries come in optional packages: an install without scripts must still have them. */
async function verify(root, tools) {
  for (const tool of tools) {
    const result = await runTool(join(root, "node_modules", ".bin", tool), ["--version"], { cwd: root });
    if (result.kind === "ended" && result.code === 0) continue;
    throw new SetupFailure(
      `${tool} was installed but does not run on ${process.platform} ${process.arch}: use Linux x64 or arm64 (glibc), or macOS on arm64.`,
    );
  }
}

function readPackages(path) {
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, "utf8")).packages;
}
