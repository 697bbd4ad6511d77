import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";

const triesMax = 20;

/**
 * Takes the lock at `path` for this process, or tells who has it. The lock names its holder by pid and start time, so
 * that one left by a crash, or by a process of another day with the same pid, is recognised as dead and taken over.
 *
 * @param {string} path in a folder that exists
 * @returns {Promise<{ kind: "taken", release: () => Promise<void> } | { kind: "held", pid: number }>}
 */
export async function takeLock(path) {
  const own = JSON.stringify({ ...identifyProcess(process.pid), token: randomUUID() });
  for (let tries = 0; tries < triesMax; tries += 1) {
    if (await tryCreate(path, own)) return { kind: "taken", release: () => release(path, own) };
    const found = await readIfThere(path);
    if (found === undefined) continue;
    const holder = parseHolder(found);
    if (holder !== undefined && isSameProcessAlive(holder)) return { kind: "held", pid: holder.pid };
    await removeStale(path, found);
  }
  throw new Error(`the lock ${path} changes hands too fast: several processes fight for it.`);
}

async function release(path, own) {
  if ((await readIfThere(path)) === own) await rm(path, { force: true });
}

/** Writes beside and links, so that nobody ever reads a lock that is half written. */
async function tryCreate(path, content) {
  const draft = `${path}.${process.pid}.${randomUUID()}`;
  try {
    await writeFile(draft, content);
    await link(draft, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Another starter may have replaced the stale lock since we read it: what we moved away by mistake is put back. */
async function removeStale(path, expected) {
  const aside = `${path}.stale.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if ((await readFile(aside, "utf8")) !== expected) await rename(aside, path);
  else await rm(aside, { force: true });
}

function parseHolder(text) {
  try {
    const value = JSON.parse(text);
    return typeof value?.pid === "number" ? { pid: value.pid, startedAt: value.startedAt } : undefined;
  } catch (error) {
    // A lock that is not JSON was cut short by a full disk or written by somebody else: nobody holds it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function readIfThere(path) {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A pid is used again by another process some day; with the time of its start it is one process for good. */
function identifyProcess(pid) {
  return { pid, startedAt: startOf(pid) };
}

function isSameProcessAlive({ pid, startedAt }) {
  return isAlive(pid) && (startedAt === undefined || startedAt === startOf(pid));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and belongs to someone else.
    return error.code === "EPERM";
  }
}

/** Linux: the boot, and the tick of the start: field 22 of stat, counted after the command, which may contain blanks. */
function startOf(pid) {
  if (process.platform !== "linux") return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie holds nothing any more and only waits to be counted.
    if (fields[0] === "Z") return "zombie";
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}:${fields[19]}`;
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return undefined;
    throw error;
  }
}
