/** Time as the client needs it; the global one unless a test brings its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

export const globalClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

/** At most one timer a name, so that none can be forgotten. */
export interface Timers<Name extends string> {
  set(name: Name, ms: number, run: () => void): void;
  cancelAll(): void;
}

export function createTimers<Name extends string>(clock: Clock): Timers<Name> {
  const handles = new Map<Name, unknown>();
  return {
    set: (name, ms, run) => {
      clock.clearTimeout(handles.get(name));
      const handle = clock.setTimeout(() => {
        handles.delete(name);
        run();
      }, ms);
      handles.set(name, handle);
    },
    cancelAll: () => {
      for (const handle of handles.values()) clock.clearTimeout(handle);
      handles.clear();
    },
  };
}
