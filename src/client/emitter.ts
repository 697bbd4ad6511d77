export type Listener<Value> = (value: Value) => void;

export interface Emitter<Events> {
  /** @returns a function that takes the listener away again. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void;
  /** Calls every listener, whatever another one throws.
   *  @returns how many were called, and what some of them threw. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): { calls: number; errors: unknown[] };
}

export function createEmitter<Events>(): Emitter<Events> {
  const listeners: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {};
  return {
    on: (name, listener) => {
      const set = listeners[name] ?? new Set();
      listeners[name] = set;
      // Wrapped, so that the same function registered twice is two listeners, each with its own end.
      const own: typeof listener = (value) => listener(value);
      set.add(own);
      return () => void set.delete(own);
    },
    emit: (name, value) => {
      const errors: unknown[] = [];
      const called = [...(listeners[name] ?? [])];
      for (const listener of called) {
        try {
          listener(value);
        } catch (error) {
          errors.push(error);
        }
      }
      return { calls: called.length, errors };
    },
  };
}
