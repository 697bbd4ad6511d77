/** The part of a browser's page that tells about sleep, network and leaving. */
export interface PageLike {
  readonly window: EventTarget;
  readonly document: EventTarget & { readonly visibilityState: string };
}

export interface PageListener {
  /** Now is a good moment to be connected. */
  woke(cause: "online" | "visible"): void;
  /** The page may never run again. */
  leaving(): void;
}

/** The page this runs in; undefined in Node and in workers, which have no such moments. */
export function currentPage(): PageLike | undefined {
  return typeof window === "undefined" || typeof document === "undefined" ? undefined : { window, document };
}

/** @returns a function that stops watching. */
export function watchPage({ window, document }: PageLike, listener: PageListener): () => void {
  const stop = new AbortController();
  const on = (target: EventTarget, name: string, run: () => void) =>
    target.addEventListener(name, run, { signal: stop.signal });
  on(window, "online", () => listener.woke("online"));
  on(document, "visibilitychange", () => {
    if (document.visibilityState === "visible") listener.woke("visible");
  });
  // Back from the back/forward cache, where sockets do not live on.
  on(window, "pageshow", () => listener.woke("visible"));
  // Thawed: a frozen tab's timers stood still.
  on(document, "resume", () => listener.woke("visible"));
  on(window, "pagehide", () => listener.leaving());
  return () => stop.abort();
}
