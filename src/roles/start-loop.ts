import type { Logger } from "pino";

/** Runs a task again and again with a pause; a failure is told and tried again, and never ends the loop. */
export function startLoop(name: string, pauseMs: number, log: Logger, task: () => Promise<unknown>): AsyncDisposable {
  const stop = new AbortController();
  const run = async () => {
    while (!stop.signal.aborted) {
      try {
        await task();
      } catch (error) {
        log.warn({ event: "loop_failed", loop: name, err: error }, "a regular task failed and will be tried again");
      }
      // The end may have come while the task was busy: then nobody is told of it any more.
      if (stop.signal.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        stop.signal.addEventListener(
          "abort",
          () => {
            clearTimeout(timer);
            resolve();
          },
          { once: true },
        );
      });
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
