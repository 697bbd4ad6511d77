import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessLog } from "./process-log.ts";
import { nextRestartDelayMs, type RestartPolicy } from "./restart-policy.ts";
import { StartFailure } from "./start-failure.ts";

export interface KeptProcessOptions {
  /** Stands in log lines and messages, such as "nats-server" or "decide,track". */
  readonly name: string;
  readonly spawn: () => ChildProcess;
  /** Resolves once the process answers as it should; the signal aborts when it has died or took too long. */
  readonly waitReady: (child: ChildProcess, signal: AbortSignal) => Promise<void>;
  /** Why it died or stayed silent, in the process's own words (the end of its log); may be empty. */
  readonly lastWords: () => string;
  readonly startTimeoutMs: number;
  readonly restart: RestartPolicy;
  readonly log: ProcessLog;
}

export interface KeptProcess extends AsyncDisposable {
  readonly name: string;
  /** Of the process that runs now; undefined between a death and the restart. */
  readonly pid: number | undefined;
  readonly restarts: number;
  kill(signal: NodeJS.Signals): void;
  /** Sends the signal, waits, kills what is still there after `timeoutMs`. Doing it twice is harmless. */
  stop(how: { signal: NodeJS.Signals; timeoutMs: number }): Promise<void>;
}

/**
 * Starts a process, waits until it is ready, and from then on starts it anew whenever it dies, until stopped.
 * The first start either succeeds or throws a StartFailure and leaves nothing running; later ones are tried for ever,
 * further and further apart, since somebody may be repairing what is broken.
 */
export async function keepProcess(options: KeptProcessOptions): Promise<KeptProcess> {
  const { name, log } = options;
  const stopping = new AbortController();
  let restarts = 0;
  let current: ChildProcess | undefined = await startOnce(options, stopping.signal);

  const keeping = (async () => {
    let upSinceMs = performance.now();
    let lastDelayMs: number | undefined;
    while (current !== undefined) {
      const ended = await howItEnds(current);
      current = undefined;
      if (stopping.signal.aborted) return;
      const upMs = performance.now() - upSinceMs;
      lastDelayMs = nextRestartDelayMs(options.restart, { lastDelayMs, upMs });
      const fields = { event: "process_died", process: name, ended, upMs: Math.round(upMs), delayMs: lastDelayMs };
      log.warn(fields, `${name} died (${ended}); starting it again in ${lastDelayMs} ms.`);
      current = await restartUntilUp();
      upSinceMs = performance.now();
    }

    async function restartUntilUp(): Promise<ChildProcess | undefined> {
      for (;;) {
        await delay(lastDelayMs, undefined, { signal: stopping.signal }).catch(ignoreAbort);
        if (stopping.signal.aborted) return;
        try {
          const child = await startOnce(options, stopping.signal);
          restarts += 1;
          log.info({ event: "process_restarted", process: name, pid: child.pid }, `${name} is up again.`);
          return child;
        } catch (error) {
          if (stopping.signal.aborted) return;
          lastDelayMs = nextRestartDelayMs(options.restart, { lastDelayMs, upMs: 0 });
          log.error({ event: "process_restart_failed", process: name, err: error }, `${name}: ${messageOf(error)}`);
        }
      }
    }
  })();

  async function stop(how: { signal: NodeJS.Signals; timeoutMs: number }): Promise<void> {
    stopping.abort();
    if (current !== undefined) await end(current, how);
    await keeping;
  }

  return {
    name,
    get pid() {
      return current?.pid;
    },
    get restarts() {
      return restarts;
    },
    kill: (signal) => void current?.kill(signal),
    stop,
    [Symbol.asyncDispose]: () => stop({ signal: "SIGTERM", timeoutMs: 5_000 }),
  };
}

/** Ends a child: the polite signal first, -9 once its time is up. */
async function end(child: ChildProcess, how: { signal: NodeJS.Signals; timeoutMs: number }): Promise<void> {
  if (hasEnded(child)) return;
  const exited = once(child, "exit");
  child.kill(how.signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), how.timeoutMs);
  await exited;
  clearTimeout(timer);
}

async function startOnce(options: KeptProcessOptions, stopping: AbortSignal): Promise<ChildProcess> {
  const { name } = options;
  const child = options.spawn();
  const died = new AbortController();
  const ended = howItEnds(child).then((how) => {
    died.abort();
    return how;
  });
  const timeout = AbortSignal.timeout(options.startTimeoutMs);
  const signal = AbortSignal.any([died.signal, timeout, stopping]);
  try {
    await options.waitReady(child, signal);
    if (died.signal.aborted) throw new Error(`${name} ended just after it was ready`);
    return child;
  } catch (cause) {
    const isDead = died.signal.aborted;
    const seconds = options.startTimeoutMs / 1000;
    await end(child, { signal: "SIGKILL", timeoutMs: 0 });
    const what = isDead ? `ended while starting (${await ended})` : `did not answer within ${seconds} s`;
    const words = options.lastWords();
    const why = stopping.aborted ? "was stopped while starting" : isDead || timeout.aborted ? what : messageOf(cause);
    throw new StartFailure(`${name} ${why}${words === "" ? "." : `: ${words}`}`, { cause });
  }
}

/** Also settles when the program could not be started at all, which Node reports as an error and never as an exit. */
function howItEnds(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null) return Promise.resolve(`exit code ${child.exitCode}`);
  if (child.signalCode !== null) return Promise.resolve(child.signalCode);
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.once("error", (error) => resolve(error.message));
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
