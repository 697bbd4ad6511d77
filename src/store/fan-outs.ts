import type { Binary, Document } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One message on its way to all followers of a topic. What is here was promised to a caller. */
export type FanOutDocument = {
  /** Derived from workspace and idempotency key, as an intervention's id is. */
  readonly _id: string;
  readonly workspaceId: string;
  /** Empty for a run. */
  readonly topic: string;
  /** Of a run: a campaign on its way to a segment. */
  readonly run?: {
    readonly campaignId: string;
    readonly segmentId: string;
    readonly scheduleId?: string;
    readonly dueAt: Date;
    /** Absent: as fast as it goes. */
    readonly usersPerMinute?: number;
    /** Absent: it has its full speed at once. */
    readonly rampUpMs?: number;
    /** Of one that reaches each user when his own clock shows a time: `YYYY-MM-DDTHH:MM`, and the moments at which some zone's does,
     *  ms since 1970, ascending. Absent: everybody at the same time. */
    readonly wall?: { readonly wallTime: string; readonly passes: readonly number[] };
  };
  /** Runs alone are paused and skipped. */
  readonly state: "running" | "paused" | "done" | "cancelled" | "skipped";
  /** Followers whose places lie before this one are dealt with; of a run with `wall`, those of this pass. */
  readonly cursor: number;
  /** Which of its passes a run with `wall` is at. */
  readonly pass?: number;
  /** How long a run with a speed was on its way at its last checkpoint, and when that was. Absent: it has had none. */
  readonly pace?: { readonly onTheWayMs: number; readonly at: Date };
  readonly acceptedCount: number;
  readonly failedCount: number;
  readonly createdAt: Date;
  readonly endedAt?: Date;
  /** SHA-256 of the request, by which a reused key is told from a repeated call. */
  readonly bodyHash: Binary;
  /** TriggerRequest without recipient and key: what each follower gets. */
  readonly trigger: Binary;
  readonly holder?: string;
  readonly heldUntil?: Date;
  /** One more with each holder: what one writes that has lost its lease is not taken. */
  readonly fence: number;
};

export const fanOutIndexes = [
  { name: "by_state", key: { workspaceId: 1, state: 1 } },
  { name: "by_campaign", key: { workspaceId: 1, "run.campaignId": 1 } },
] as const satisfies readonly IndexDefinition[];

const LISTED_MAX = 100;
/** Runs that wait for a time of day are among those on their way, and hold up none of the others. */
const RUNNING_MAX = 1_000;

/** Puts fan-outs in; one that is there stays as it is.
 *  @returns the ids of those that were there. */
export async function insertFanOuts(store: Store, fanOuts: readonly FanOutDocument[]): Promise<Set<string>> {
  const conflicts = await insertNew(store.fanOuts, fanOuts);
  return new Set(conflicts.flatMap(({ index }) => fanOuts[index]?._id ?? []));
}

/** One of this workspace. */
export async function findFanOut(store: Store, workspaceId: string, id: string): Promise<FanOutDocument | undefined> {
  const found = await onStore(() => store.fanOuts.findOne({ _id: id }));
  return found?.workspaceId === workspaceId ? found : undefined;
}

/** Some of those that are on their way and have something to do by now. */
export async function listRunningFanOuts(store: Store, workspaceId: string, now: Date): Promise<string[]> {
  const filter = { workspaceId, state: "running" } as const;
  const found = await onStore(() =>
    store.fanOuts
      .find(filter, { projection: { pass: 1, "run.wall.passes": 1 } })
      .limit(RUNNING_MAX)
      .toArray(),
  );
  return found.filter((one) => findPassTime(one) <= now.getTime()).map(({ _id }) => _id);
}

/** When the pass that a run is at is due, ms since 1970; 0 where it has none. */
export const findPassTime = ({ run, pass = 0 }: Pick<FanOutDocument, "run" | "pass">): number =>
  run?.wall?.passes[pass] ?? 0;

/** Takes or keeps the right to carry one on. It runs out by itself when its holder dies.
 *  @returns the fan-out, if it is running and `holder` has it until `until`. */
export async function claimFanOut(
  store: Store,
  id: string,
  claim: { readonly holder: string; readonly now: Date; readonly until: Date },
): Promise<FanOutDocument | undefined> {
  const isOwn = { $eq: ["$holder", claim.holder] };
  const isFree = { $or: [isOwn, { $lte: [{ $ifNull: ["$heldUntil", claim.now] }, claim.now] }] };
  const update = [
    {
      $set: {
        fence: { $cond: [{ $and: [isFree, { $not: [isOwn] }] }, { $add: ["$fence", 1] }, "$fence"] },
        heldUntil: { $cond: [isFree, claim.until, "$heldUntil"] },
        holder: { $cond: [isFree, claim.holder, "$holder"] },
      },
    },
  ];
  const held = await updateAndRead(store, id, update);
  return held?.holder === claim.holder && held.state === "running" ? held : undefined;
}

/** Writes down how far a holder has come, and keeps its lease. Nothing is written when another one has it, or it was cancelled.
 *  @returns the fan-out as it stands. */
export async function advanceFanOut(
  store: Store,
  id: string,
  step: {
    readonly fence: number;
    readonly state: "running" | "done";
    readonly cursor: number;
    readonly pass?: number | undefined;
    readonly pace?: FanOutDocument["pace"];
    readonly acceptedCount: number;
    readonly failedCount: number;
    readonly now: Date;
    readonly heldUntil: Date;
  },
): Promise<FanOutDocument | undefined> {
  const isOurs = { $and: [{ $eq: ["$fence", step.fence] }, { $eq: ["$state", "running"] }] };
  const { cursor, pass, pace, acceptedCount, failedCount, heldUntil, state } = step;
  const fields = {
    ...{ cursor, acceptedCount, failedCount, heldUntil, state },
    ...(pass === undefined ? {} : { pass }),
    ...(pace === undefined ? {} : { pace }),
    ...(state === "done" ? { endedAt: step.now } : {}),
  };
  const update = [
    {
      $set: Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [name, { $cond: [isOurs, value, `$${name}`] }]),
      ),
    },
  ];
  return updateAndRead(store, id, update);
}

/** Two steps, since there are servers where findOneAndUpdate looks at every document. Whoever reads what another one has written
 *  in between sees that it is not his. */
async function updateAndRead(store: Store, id: string, update: Document[]): Promise<FanOutDocument | undefined> {
  await onStore(() => store.fanOuts.updateOne({ _id: id }, update));
  return (await onStore(() => store.fanOuts.findOne({ _id: id }))) ?? undefined;
}

/** A campaign's runs, newest first. */
export async function listRuns(store: Store, workspaceId: string, campaignId: string): Promise<FanOutDocument[]> {
  const filter = { workspaceId, "run.campaignId": campaignId };
  return onStore(() => store.fanOuts.find(filter).sort({ createdAt: -1 }).limit(LISTED_MAX).toArray());
}

/** Holds a run up, or lets it go on; one that has ended stays so. Whoever works on it finds at his next checkpoint that it is not his. */
export async function setRunPaused(store: Store, id: string, isPaused: boolean): Promise<void> {
  const [from, to] = isPaused ? ["running", "paused"] : ["paused", "running"];
  const update = [{ $set: { state: { $cond: [{ $eq: ["$state", from] }, to, "$state"] } } }];
  await onStore(() => store.fanOuts.updateOne({ _id: id }, update));
}

/** Ends one, unless it has ended. */
export async function cancelFanOut(store: Store, id: string, now: Date): Promise<void> {
  const isRunning = { $in: ["$state", ["running", "paused"]] };
  const update = [
    {
      $set: { endedAt: { $cond: [isRunning, now, "$endedAt"] }, state: { $cond: [isRunning, "cancelled", "$state"] } },
    },
  ];
  await onStore(() => store.fanOuts.updateOne({ _id: id }, update));
}
