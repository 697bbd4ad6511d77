import { setTimeout as delay } from "node:timers/promises";

const pollMs = 20;
const msMax = 20_000;

/** Waits until something holds, and names it when it never does. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${msMax / 1000} s in vain: ${what}`);
    await delay(pollMs);
  }
}

/** A zombie counts as dead: it has ended, and only its parent has not asked yet. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const { readFile } = await import("node:fs/promises");
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !stat.slice(stat.lastIndexOf(")")).startsWith(") Z");
}
