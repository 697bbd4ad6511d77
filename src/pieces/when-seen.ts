/** A second at half its size is what the Media Rating Council counts as a viewable impression. */
const seenMs = 1_000;
const shareMin = 0.5;

/** Calls once, when half of the element (or of the screen, if it is larger than that) was in view for a whole second, in a tab
 *  that could be seen all the while. What is behind another element counts as in view.
 *  @returns a function that stops watching. */
export function whenSeen(element: Element, seen: () => void): () => void {
  let isInView = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stopped = new AbortController();
  const stop = () => {
    stopped.abort();
    observer.disconnect();
    clearTimeout(timer);
  };
  const look = () => {
    const isSeeing = isInView && document.visibilityState === "visible";
    if (isSeeing && timer === undefined) {
      timer = setTimeout(() => {
        stop();
        seen();
      }, seenMs);
    } else if (!isSeeing) {
      clearTimeout(timer);
      timer = undefined;
    }
  };
  const observer = new IntersectionObserver(
    (entries) => {
      const entry = entries.at(-1);
      if (entry === undefined) return;
      const screen = (entry.rootBounds?.height ?? 0) * (entry.rootBounds?.width ?? 0);
      const { height, width } = entry.intersectionRect;
      isInView =
        entry.isIntersecting &&
        (entry.intersectionRatio >= shareMin || (screen > 0 && height * width >= screen * shareMin));
      look();
    },
    { threshold: [0, 0.1, 0.2, 0.3, 0.4, shareMin, 0.6, 0.7, 0.8, 0.9, 1] },
  );
  document.addEventListener("visibilitychange", look, { signal: stopped.signal });
  observer.observe(element);
  return stop;
}
