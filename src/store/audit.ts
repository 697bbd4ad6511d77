import type { ClientSession } from "mongodb";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { toPosition } from "./interventions.ts";
import { onStore } from "./on-store.ts";

/** A change that somebody made, or was about to make. */
export type AuditDocument = {
  readonly _id: string;
  readonly workspaceId: string;
  /** `toPosition` of the time and the id: what lists are ordered by and pages begin at. */
  readonly position: string;
  readonly at: Date;
  readonly actor: string;
  readonly method: string;
  readonly resource: string;
  readonly outcome: "done" | "intended" | "failed";
  /** JSON, without secrets. Absent: nothing was there, or is there since. */
  readonly before?: string;
  readonly after?: string;
};

export const auditIndexes = [
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
] as const satisfies readonly IndexDefinition[];

/** Adds an entry, as part of the transaction that makes the change where there is one. */
export async function insertAuditEntry(store: Store, entry: AuditDocument, session?: ClientSession): Promise<void> {
  await onStore(() => store.audit.insertOne(entry, { ...(session && { session }) }));
}

/** Says how an intended change ended. */
export async function setAuditOutcome(store: Store, id: string, outcome: "done" | "failed"): Promise<void> {
  await onStore(() => store.audit.updateOne({ _id: id }, { $set: { outcome } }));
}

/** Changes are rare: the first look goes back an hour, each further one this many times as far. */
const LOOK_MS = 3_600_000;
const LOOK_FACTOR = 8;
/** A clock ahead of ours may have entered something "later" than now. */
const CLOCK_MS = 60_000;

/** Just before the first position of a time. Not `toPosition` of that time alone: there are servers whose descending index puts a
 *  text behind those that begin with it, and what is of exactly that time would be on the wrong side. No id begins with `~`. */
export const toBoundary = (at: Date) => toPosition(new Date(at.getTime() - 1), "~");

/** The time in a position. */
const toTime = (position: string) => Number(position.slice(0, 15));

/** A page, newest first.
 *  @param options.before a position; the page begins after it. @param options.since nothing is older. */
export async function listAuditEntries(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly before?: string;
    readonly since: Date;
    readonly now: Date;
    readonly limit: number;
  },
): Promise<AuditDocument[]> {
  const page: AuditDocument[] = [];
  const beginning = toBoundary(options.since);
  let before = options.before ?? toPosition(new Date(options.now.getTime() + CLOCK_MS));
  for (let span = LOOK_MS; page.length < options.limit && before > beginning; span *= LOOK_FACTOR) {
    const from = toBoundary(new Date(Math.max(options.since.getTime(), toTime(before) - span)));
    const filter = { workspaceId: options.workspaceId, position: { $gte: from, $lt: before } };
    const left = options.limit - page.length;
    page.push(...(await onStore(() => store.audit.find(filter).sort({ position: -1 }).limit(left).toArray())));
    before = from;
  }
  return page;
}
