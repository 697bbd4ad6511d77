import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 20;
const msMax = 10_000;

/** Resolves once the process is gone; a zombie is, since only its parent has not asked yet. */
export async function ends(pid) {
  const deadlineMs = performance.now() + msMax;
  while (isThere(pid)) {
    if (performance.now() > deadlineMs) throw new Error(`process ${pid} is still there after ${msMax / 1000} s`);
    await delay(pollMs);
  }
}

export function isThere(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return false;
    throw error;
  }
}
