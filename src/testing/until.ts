const POLL_MS = 20;

/** Waits for a condition by looking at it again and again: the one way tests wait.
 *  @returns what the condition returned when it was neither undefined, null nor false.
 *  @throws when it does not come about within `timeoutMs`. */
export async function until<T>(
  condition: () => Promise<T> | T,
  what: string,
  timeoutMs = 20_000,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) return value as Exclude<T, undefined | null | false>;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
