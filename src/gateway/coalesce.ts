/** Lets callers share an operation: each gets the result of a run that began after its call, and at most one runs at a
 *  time. A thousand sockets that come at once need one flush and one look at the stream, not a thousand. */
export function coalesce<T>(operation: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const run = (): Promise<T> => {
    const started = operation();
    running = started;
    const clear = () => {
      if (running === started) running = undefined;
    };
    started.then(clear, clear);
    return started;
  };
  return () => {
    if (running === undefined) return run();
    next ??= running
      .catch(() => {
        // Its own callers have been told; those who wait for the next run only need to know that it is their turn.
      })
      .then(() => {
        next = undefined;
        return run();
      });
    return next;
  };
}

/** Lets at most `max` operations run at a time; others wait their turn. */
export function limitConcurrency(max: number): <T>(operation: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (operation) => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await operation();
    } finally {
      // The place goes straight to the next one, so that nobody can slip in between.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
