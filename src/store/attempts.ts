import { OUTSIDE_CHANNELS, type OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { AttemptOutcome } from "../domain/delivery/next-step.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** The right to make one attempt: whoever inserts it, and nobody else, may send, until the lease is over. Never changed. */
export type AttemptDocument = {
  /** `attemptId`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly interventionId: string;
  readonly channel: OutsideChannelName;
  /** From 1. */
  readonly attempt: number;
  readonly accountId: string;
  readonly provider: string;
  /** Which process has it. */
  readonly worker: string;
  readonly startedAt: Date;
  readonly leaseUntil: Date;
  /** An attempt before it may have come through. */
  readonly maybeTwice?: true;
  /** It is of a fallback: the intervention was sent on another channel before. */
  readonly isFallback?: true;
};

/** How one attempt ended. Never changed: the first to say so is right, be it who sent or who found the lease over. */
export type AttemptResultDocument = {
  /** That of the attempt. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly outcome: AttemptOutcome;
  readonly reason: string;
  /** The provider's own name of the message; empty when it has none. */
  readonly providerMessageId: string;
  /** `toSentAs`, of what a provider took that calls back. */
  readonly sentAs?: string;
  readonly retryAfterMs?: number;
  readonly endedAt: Date;
};

// Found by their ids alone, which cost no index ...
export const attemptIndexes = [] as const satisfies readonly IndexDefinition[];
// ... but by what a provider calls back about.
export const attemptResultIndexes = [
  { name: "sent_as", key: { sentAs: 1 }, sparse: true },
] as const satisfies readonly IndexDefinition[];

/** An intervention has one delivery on each channel. */
export const deliveryId = (interventionId: string, channel: OutsideChannelName) => `${interventionId}:${channel}`;
export const attemptId = (delivery: string, attempt: number) => `${delivery}:${attempt}`;

/** Claims attempts.
 *  @returns the ids of those that somebody has claimed before. */
export async function claimAttempts(store: Store, attempts: readonly AttemptDocument[]): Promise<Set<string>> {
  const conflicts = await insertNew(store.attempts, attempts);
  return new Set(conflicts.flatMap(({ index }) => attempts[index]?._id ?? []));
}

/** Says how attempts ended.
 *  @returns the ids of those of which something else was said before: that stands. */
export async function settleAttempts(store: Store, results: readonly AttemptResultDocument[]): Promise<Set<string>> {
  const conflicts = await insertNew(store.attemptResults, results);
  return new Set(conflicts.flatMap(({ index }) => results[index]?._id ?? []));
}

/** An attempt, and how it ended if it has. */
export type KnownAttempt = { readonly attempt: AttemptDocument; readonly result: AttemptResultDocument | undefined };

/** Those of the attempts that were claimed, by their ids. */
export async function findAttempts(store: Store, ids: readonly string[]): Promise<Map<string, KnownAttempt>> {
  if (ids.length === 0) return new Map();
  const filter = { _id: { $in: [...ids] } };
  // The attempts first: a result that is missing in what is read after them was missing then.
  const attempts = await onStore(() => store.attempts.find(filter).toArray());
  const results = new Map(
    (await onStore(() => store.attemptResults.find(filter).toArray())).map((result) => [result._id, result]),
  );
  return new Map(attempts.map((attempt) => [attempt._id, { attempt, result: results.get(attempt._id) }]));
}

/** A message as its provider names it, whose names are its own. */
export const toSentAs = (accountId: string, providerMessageId: string) => `${accountId}/${providerMessageId}`;

/** The attempts by which messages went out, by `toSentAs`; those that nobody has recorded, or not yet, are left out. */
export async function findSentAs(store: Store, names: readonly string[]): Promise<Map<string, AttemptDocument>> {
  if (names.length === 0) return new Map();
  const filter = { sentAs: { $in: [...new Set(names)] } };
  const results = await onStore(() => store.attemptResults.find(filter, { projection: { sentAs: 1 } }).toArray());
  const ids = results.map(({ _id }) => _id);
  const attempts = await onStore(() => store.attempts.find({ _id: { $in: ids } }).toArray());
  const byId = new Map(attempts.map((attempt) => [attempt._id, attempt]));
  return new Map(
    results.flatMap(({ _id, sentAs }) => {
      const attempt = byId.get(_id);
      return attempt === undefined || sentAs === undefined ? [] : [[sentAs, attempt]];
    }),
  );
}

/** Attempts looked up at once; few deliveries have more. */
const ATTEMPTS_PER_LOOK = 8;
const LOOKS_MAX = 64;

/** The attempts at the deliveries of an intervention, by channel, then in order. By their ids, since a range of ids is no index
 *  scan on every server. */
export async function listAttempts(
  store: Store,
  workspaceId: string,
  interventionId: string,
): Promise<readonly KnownAttempt[]> {
  const known: KnownAttempt[] = [];
  let open: readonly OutsideChannelName[] = OUTSIDE_CHANNELS;
  for (let look = 0; look < LOOKS_MAX && open.length > 0; look += 1) {
    const ids = open.flatMap((channel) => toAttemptIds(interventionId, channel, look));
    const found = await findAttempts(store, ids);
    known.push(...[...found.values()].filter(({ attempt }) => attempt.workspaceId === workspaceId));
    open = open.filter((channel) =>
      found.has(attemptId(deliveryId(interventionId, channel), (look + 1) * ATTEMPTS_PER_LOOK)),
    );
  }
  return known.sort(
    (a, b) =>
      OUTSIDE_CHANNELS.indexOf(a.attempt.channel) - OUTSIDE_CHANNELS.indexOf(b.attempt.channel) ||
      a.attempt.attempt - b.attempt.attempt,
  );
}

const toAttemptIds = (interventionId: string, channel: OutsideChannelName, look: number) =>
  Array.from({ length: ATTEMPTS_PER_LOOK }, (_, index) =>
    attemptId(deliveryId(interventionId, channel), look * ATTEMPTS_PER_LOOK + index + 1),
  );

/** Every id that an attempt at one of these interventions can have: a replayed letter has ten more. */
export const toAttemptFilters = (interventionIds: readonly string[]) => [
  {
    _id: {
      $in: interventionIds.flatMap((id) =>
        OUTSIDE_CHANNELS.flatMap((channel) => [0, 1, 2, 3].flatMap((look) => toAttemptIds(id, channel, look))),
      ),
    },
  },
];
