import { matchesPage, type PageRule } from "./match-page.ts";

/** What ranking looks at. */
export type Offer = {
  readonly offerId: string;
  readonly placement: string;
  readonly pages: readonly PageRule[];
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  readonly priority: number;
};

/** The offers that may be shown on a page by place, the first to be tried first: by priority, then by id. */
export function rankOffers<T extends Offer>(
  offers: readonly T[],
  {
    path,
    placements,
    nowMs,
  }: { readonly path: string; readonly placements: readonly string[]; readonly nowMs: number },
): Map<string, readonly T[]> {
  const fitting = offers.filter(
    ({ startMs, endMs, pages }) =>
      (startMs === undefined || startMs <= nowMs) &&
      (endMs === undefined || nowMs < endMs) &&
      (pages.length === 0 || pages.some((rule) => matchesPage(rule, path))),
  );
  const ranked = fitting.sort((a, b) => b.priority - a.priority || (a.offerId < b.offerId ? -1 : 1));
  return new Map(placements.map((name) => [name, ranked.filter(({ placement }) => placement === name)]));
}
