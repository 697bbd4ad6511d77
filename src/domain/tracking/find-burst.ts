/** A reader follows one link, and another one later. Programs that check a mail follow all of them at once. */
export const BURST = { ms: 1_000, links: 3 };

/** Which hits on the links of one message are part of a burst: of so many different links within so short a time.
 *  @param hits in any order. @returns their indices. */
export function findBurst(hits: readonly { readonly atMs: number; readonly link: string }[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const { atMs: fromMs } of hits) {
    const within = hits.flatMap(({ atMs }, index) => (atMs >= fromMs && atMs - fromMs <= BURST.ms ? [index] : []));
    if (new Set(within.map((index) => hits[index]?.link)).size < BURST.links) continue;
    for (const index of within) found.add(index);
  }
  return found;
}
