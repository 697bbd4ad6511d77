import { findPass, parseWallTime, toZoneTime } from "../domain/campaign/wall-time.ts";
import {
  type FanOutDocument,
  findPassTime,
  listFollowers,
  listKeyed,
  listKeyedZones,
  PLACES,
  readPlaces,
  type Store,
  toMemberKey,
  toPlace,
} from "../store/index.ts";

/** Followers between two checkpoints, and so what is done twice, without effect, when a process dies. */
const PAGE_MAX = 500;
/** A page is aimed to be this full, so that few have to be cut. */
const FILL_TARGET = 0.8;
const HEX = 16;

/** Whoever a fan-out reaches next, up to the place `until`, and the span of places that suits the page after. */
export type FanOutPage = { readonly userIds: readonly string[]; readonly until: number; readonly span: number };

/** Followers are spread evenly over places: those before the cursor tell how many places a page takes.
 *  @param first of one that has come nowhere yet. */
export function toSpan({ cursor, acceptedCount, failedCount, pass }: FanOutDocument, first: number): number {
  const done = acceptedCount + failedCount;
  if (done === 0 || pass !== undefined) return first;
  return Math.max(1, Math.min(PLACES, Math.floor((cursor / done) * PAGE_MAX * FILL_TARGET)));
}

/** Reads a page.
 *  @param options.allowance no more than so many users.
 *  @param options.timeZone of those of whom none is known. */
export async function readFanOutPage(
  store: Store,
  fanOut: FanOutDocument,
  options: { readonly span: number; readonly allowance: number; readonly timeZone: string },
): Promise<FanOutPage> {
  const { topic, run, workspaceId, cursor: from } = fanOut;
  const range = { from, span: options.span, pageMax: PAGE_MAX };
  if (run === undefined)
    return cut(await readPlaces({ ...range, find: (one) => listFollowers(store, { workspaceId, topic, ...one }) }));
  const members = { workspaceId, key: toMemberKey(run.segmentId) };
  if (run.wall === undefined) {
    const page = await readPlaces({ ...range, find: (one) => listKeyed(store, { ...members, ...one }) });
    return cut(page, options.allowance);
  }
  const isNow = toIsNow(fanOut, options.timeZone);
  const page = await readPlaces({ ...range, find: (one) => listKeyedZones(store, { ...members, ...one }) });
  const found = page.found.filter(({ timeZone }) => isNow(timeZone)).map(({ userId }) => userId);
  return cut({ ...page, found }, options.allowance);
}

/** Ends a page where no more are allowed: those whose places come first are in it. */
function cut(
  { found, until, span }: { readonly found: readonly string[]; readonly until: number; readonly span: number },
  allowance = Number.POSITIVE_INFINITY,
): FanOutPage {
  if (found.length <= allowance) return { userIds: found, until, span };
  const inOrder = found
    .map((userId) => ({ userId, place: toPlace(userId) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  const next = inOrder[allowance];
  return {
    userIds: inOrder.slice(0, allowance).map(({ userId }) => userId),
    until: next === undefined ? until : Number.parseInt(next.place, HEX),
    span,
  };
}

/** Tells by his time zone whether the pass that a run is at is a user's. */
function toIsNow({ run, pass = 0 }: FanOutDocument, fallback: string): (timeZone: string | undefined) => boolean {
  const { wallTime = "", passes = [] } = run?.wall ?? {};
  const wallMs = parseWallTime(wallTime) ?? 0;
  const known = new Map<string, boolean>();
  const ask = (timeZone: string): boolean => {
    const found = known.get(timeZone) ?? findPass(passes, toZoneTime(wallMs, timeZone)) === pass;
    known.set(timeZone, found);
    return found;
  };
  return (timeZone) => ask(timeZone ?? fallback);
}

/** Where a fan-out is when the page up to `until` is dealt with. */
export function toNextCursor(
  { run, pass }: FanOutDocument,
  until: number,
): { readonly state: "running" | "done"; readonly cursor: number; readonly pass?: number } {
  if (until < PLACES) return { state: "running", cursor: until };
  const passes = run?.wall?.passes.length ?? 0;
  if (pass === undefined || pass + 1 >= passes) return { state: "done", cursor: until };
  return { state: "running", cursor: 0, pass: pass + 1 };
}

/** How much longer than its first moment the pass is away that a run is at, ms: what holds for a time holds from there on. */
export const toPassDelay = (fanOut: FanOutDocument): number =>
  Math.max(0, findPassTime(fanOut) - fanOut.createdAt.getTime());
