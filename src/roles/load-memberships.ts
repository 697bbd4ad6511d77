import { SEGMENTS_COUNTED_MAX } from "../domain/analytics/counted.ts";
import type { SegmentDirectory } from "../integrations/segment-directory.ts";
import { findMemberships, type Store } from "../store/index.ts";

/** Who is asked about: the surviving one, where ids were merged. */
type Who = { readonly workspaceId: string; readonly userId: string };
type Parts = { readonly store: Store; readonly segments: Pick<SegmentDirectory, "findLive"> };

/** Looks up in which segments users are, in one read a workspace; where a workspace has no segments, in none.
 *  @returns a function that has those that a user counts in, by id, at most SEGMENTS_COUNTED_MAX.
 *  @throws Unavailable when the store does not answer. */
export async function loadMemberships(
  { store, segments }: Parts,
  all: readonly Who[],
): Promise<(who: Who) => readonly string[]> {
  const found = new Map<string, Awaited<ReturnType<typeof findMemberships>>>();
  await Promise.all(
    [...Map.groupBy(all, ({ workspaceId }) => workspaceId)].map(async ([id, its]) => {
      if (segments.findLive(id).segments.length === 0) return;
      const userIds = [...new Set(its.map(({ userId }) => userId))];
      found.set(id, await findMemberships(store, id, userIds));
    }),
  );
  return ({ workspaceId, userId }) => {
    const memberships = found.get(workspaceId)?.get(userId) ?? [];
    if (memberships.length === 0) return [];
    const live = new Set(segments.findLive(workspaceId).segments.map(({ segmentId }) => segmentId));
    return memberships
      .filter(({ segmentId, isIn }) => isIn && live.has(segmentId))
      .map(({ segmentId }) => segmentId)
      .sort()
      .slice(0, SEGMENTS_COUNTED_MAX);
  };
}
