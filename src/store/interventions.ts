import { fromBinary } from "@bufbuild/protobuf";
import type { Binary, Filter } from "mongodb";
import { type InterventionMessage, InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** The ledger: one document an accepted intervention. What is here was promised to a caller. */
export type InterventionDocument = {
  /** The intervention's id, derived from workspace and idempotency key. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  /** `toPosition` of the time and the id: what lists are ordered by and pages begin at. */
  readonly position: string;
  readonly acceptedAt: Date;
  /** SHA-256 of the request, by which a reused key is told from a repeated call. */
  readonly bodyHash: Binary;
  /** InterventionMessage. */
  readonly message: Binary;
};

export const interventionIndexes = [
  // List; the walk through the ledger.
  { name: "by_position", key: { workspaceId: 1, position: -1 } },
  // List of one user.
  { name: "by_user", key: { workspaceId: 1, userId: 1, position: -1 } },
] as const satisfies readonly IndexDefinition[];

/** A time and an id in one string that sorts by time: pages can then begin with a plain comparison, which every planner can
 *  find in an index.
 *  @param id empty for the very beginning of that millisecond. */
export const toPosition = (at: Date, id = "") => `${String(Math.max(0, at.getTime())).padStart(15, "0")}-${id}`;

/** The time in a position. */
const toTime = (position: string) => Number(position.slice(0, 15));

/** Reads the body back. */
export function toInterventionMessage(document: Pick<InterventionDocument, "message">): InterventionMessage {
  return fromBinary(InterventionMessageSchema, document.message.value());
}

/** Those of the ids that are in this workspace's ledger. */
export async function findInterventions(
  store: Store,
  workspaceId: string,
  ids: readonly string[],
): Promise<InterventionDocument[]> {
  const found = await onStore(() => store.interventions.find({ _id: { $in: [...ids] } }).toArray());
  return found.filter((document) => document.workspaceId === workspaceId);
}

/** The first look of a list goes back this far, each further one this many times as far. */
const LOOK_MS = 1_000;
const LOOK_FACTOR = 8;

/** A page, newest first. Looks back in growing spans of time, so that a server which sorts what it finds before it cuts the page
 *  off has little to sort.
 *  @param options.before a position; the page begins after it. @param options.since nothing is older: the workspace's beginning. */
export async function listInterventions(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly userId?: string;
    readonly before?: string;
    readonly now: Date;
    readonly since: Date;
    readonly limit: number;
  },
): Promise<InterventionDocument[]> {
  const page: InterventionDocument[] = [];
  // A clock ahead of ours may have accepted something "later" than now.
  let before = options.before ?? toPosition(new Date(options.now.getTime() + LOOK_MS * 60));
  const beginning = options.since.getTime() - LOOK_MS * 60;
  for (let span = LOOK_MS; page.length < options.limit && toTime(before) > beginning; span *= LOOK_FACTOR) {
    const from = toPosition(new Date(Math.max(beginning, toTime(before) - span)));
    const filter: Filter<InterventionDocument> = {
      workspaceId: options.workspaceId,
      ...(options.userId === undefined ? {} : { userId: options.userId }),
      position: { $gte: from, $lt: before },
    };
    const left = options.limit - page.length;
    page.push(...(await onStore(() => store.interventions.find(filter).sort({ position: -1 }).limit(left).toArray())));
    before = from;
  }
  return page;
}

/** Those accepted in [from, until), in no order: the walk through the ledger, a slice of time after another.
 *  @returns one more than `limit` when there are more. */
export function listAcceptedIds(
  store: Store,
  options: { readonly workspaceId: string; readonly from: Date; readonly until: Date; readonly limit: number },
): Promise<Pick<InterventionDocument, "_id" | "acceptedAt">[]> {
  const filter = {
    workspaceId: options.workspaceId,
    position: { $gte: toPosition(options.from), $lt: toPosition(options.until) },
  };
  return onStore(() =>
    store.interventions
      .find(filter, { projection: { acceptedAt: 1 } })
      .limit(options.limit + 1)
      .toArray(),
  );
}
