import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const checkMs = 250;

/**
 * Notices that the npm that runs us is gone, even when it was killed with -9 and could tell nobody. npm often stands one
 * shell above us, and how they go tells what was meant. Told to stop, npm passes that on to the shell, which ends without
 * telling us: then it is a stop, to be made in order. Killed, npm leaves the shell behind: then all has to go at once.
 * Started by hand and not by npm, nothing is watched: an engine started with nohup may outlive its terminal.
 *
 * @param {{ onStopped: () => void, onKilled: () => void }} actions one of them is called, once
 */
export function watchNpm({ onStopped, onKilled }, env = process.env) {
  if (env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const hasShell = isShell(parent);
  const grandparent = parentOf(parent);
  const timer = setInterval(() => {
    const isParentThere = process.ppid === parent;
    if (isParentThere && !(hasShell && parentOf(parent) !== grandparent)) return;
    clearInterval(timer);
    if (hasShell && !isParentThere) onStopped();
    else onKilled();
  }, checkMs);
  timer.unref();
}

function isShell(pid) {
  return /(^|\/)-?(sh|dash|bash|zsh|ash|busybox)$/.test(commandOf(pid));
}

function commandOf(pid) {
  if (process.platform === "linux") return readProc(pid, "comm").trim();
  return ask(pid, "comm=");
}

function parentOf(pid) {
  if (process.platform !== "linux") return Number(ask(pid, "ppid="));
  const stat = readProc(pid, "stat");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Gone between the look and the read: "" stands for it, and differs from what was there before. */
function readProc(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return "";
    throw error;
  }
}

function ask(pid, column) {
  try {
    return execFileSync("ps", ["-o", column, "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch (error) {
    // ps ends with 1 when there is no such process.
    if (error.status === 1) return "";
    throw error;
  }
}
