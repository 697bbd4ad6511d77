import type { PageView } from "../client/index.ts";

export interface PageViewParts {
  /** The names of the placements in the page. */
  findPlacements(): readonly string[];
  pageUrl(): string;
  /** Another one with each call. */
  newId(): string;
  readonly locale: string;
  choose(view: PageView): Promise<unknown>;
  report(error: unknown): void;
}

/** Asks for what a page's placements show: once a view for each, however often the page makes and drops them. Where the address has
 *  changed, as in an application of one page, a new view begins. */
export interface PageViewAsker {
  /** Empty before the first. */
  readonly viewId: string;
  /** Connected, or a placement came: there may be something to ask. */
  look(): void;
}

/** The engine's own limit for one call. */
const placementsMax = 20;

export function createPageViewAsker(parts: PageViewParts): PageViewAsker {
  let viewId = "";
  let pageUrl: string | undefined;
  const asked = new Set<string>();

  const look = (): void => {
    const names = new Set(parts.findPlacements().filter((name) => name !== ""));
    if (names.size === 0) return;
    if (pageUrl !== parts.pageUrl()) {
      pageUrl = parts.pageUrl();
      viewId = parts.newId();
      asked.clear();
    }
    const placements = [...names].filter((name) => !asked.has(name)).slice(0, placementsMax);
    if (placements.length === 0) return;
    for (const name of placements) asked.add(name);
    const own = viewId;
    parts.choose({ pageUrl, placements, locale: parts.locale, viewId: own }).catch((error: unknown) => {
      parts.report(error);
      // Asked again when the connection is back.
      if (own === viewId) for (const name of placements) asked.delete(name);
    });
    if (placements.length === placementsMax) look();
  };

  return {
    get viewId() {
      return viewId;
    },
    look,
  };
}
