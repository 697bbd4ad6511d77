import type { Document } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** How the campaigns of a group compete for a user. */
export type ContestDocument = {
  /** `{workspace}/{group}/{user}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** What has the user, and until when. */
  readonly holder?: Contender;
  /** The highest of what waits, and how long it counts: longer than it waits, so that one that never comes holds up nobody for ever. */
  readonly best?: Contender & { readonly rank: number };
  /** Nothing of it counts after this. */
  readonly endsAt: Date;
};

type Contender = { readonly interventionId: string; readonly campaignId: string; readonly until: Date };

export const contestIndexes = [
  { name: "by_user", key: { workspaceId: 1, userId: 1 } },
  { name: "retention", key: { endsAt: 1 }, expireAfterSeconds: 0 },
] as const satisfies readonly IndexDefinition[];

/** Whose contest. */
export type ContestOf = { readonly workspaceId: string; readonly group: string; readonly userId: string };

const contestId = ({ workspaceId, group, userId }: ContestOf) => `${workspaceId}/${group}/${userId}`;

const literal = (value: unknown) => ({ $literal: value });
const laterOf = (until: Date) => ({ $max: [{ $ifNull: ["$endsAt", until] }, until] });

/** Enters something that waits: it is the best when nothing better waits. */
export async function enterContest(
  store: Store,
  of: ContestOf,
  entrant: Contender & { readonly rank: number },
  now: Date,
): Promise<void> {
  const isOpen = { $lte: [{ $ifNull: ["$best.until", now] }, now] };
  const isBetter = { $lt: [{ $ifNull: ["$best.rank", -1] }, entrant.rank] };
  const isBest = { $or: [isOpen, isBetter] };
  await change(store, of, { best: { $cond: [isBest, literal(entrant), "$best"] }, endsAt: laterOf(entrant.until) });
}

/** Takes a user for something, unless something else has him or something better waits.
 *  @returns what has him, or goes first: that itself when it was granted. */
export async function claimContest(
  store: Store,
  of: ContestOf,
  claim: Contender & { readonly rank: number },
  now: Date,
): Promise<{ readonly isGranted: boolean; readonly campaignId: string; readonly until?: Date }> {
  const { rank, ...holder } = claim;
  const { interventionId } = claim;
  const isOwn = { $eq: ["$holder.interventionId", interventionId] };
  const isFree = { $lte: [{ $ifNull: ["$holder.until", now] }, now] };
  const isOver = { $lte: [{ $ifNull: ["$best.until", now] }, now] };
  const isFirst = { $or: [isOver, { $eq: ["$best.interventionId", interventionId] }, { $lt: ["$best.rank", rank] }] };
  const mayHave = { $or: [isOwn, { $and: [isFree, isFirst] }] };
  // What had him already keeps the time that it had.
  const next = { $cond: [isOwn, "$holder", literal(holder)] };
  const found = await change(store, of, {
    holder: { $cond: [mayHave, next, "$holder"] },
    endsAt: laterOf(holder.until),
  });
  if (found?.holder?.interventionId === interventionId) return { isGranted: true, campaignId: holder.campaignId };
  const held = found?.holder;
  if (held !== undefined && held.until > now)
    return { isGranted: false, campaignId: held.campaignId, until: held.until };
  return { isGranted: false, campaignId: found?.best?.campaignId ?? "" };
}

/** Lets a user go who was taken for something that is not sent after all. */
export async function leaveContest(store: Store, of: ContestOf, interventionId: string): Promise<void> {
  const _id = contestId(of);
  const isOwn = (field: string) => ({ $eq: [`$${field}.interventionId`, interventionId] });
  const drop = (field: string) => ({ $cond: [isOwn(field), "$$REMOVE", `$${field}`] });
  await onStore(() => store.contests.updateOne({ _id }, [{ $set: { holder: drop("holder"), best: drop("best") } }]));
}

async function change(store: Store, of: ContestOf, fields: Document): Promise<ContestDocument | undefined> {
  const { workspaceId, userId } = of;
  const update = [{ $set: { workspaceId: literal(workspaceId), userId: literal(userId), ...fields } }];
  const found = await onStore(() =>
    store.contests.findOneAndUpdate({ _id: contestId(of) }, update, { upsert: true, returnDocument: "after" }),
  );
  return found ?? undefined;
}
