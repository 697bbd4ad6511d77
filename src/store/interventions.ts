import { fromBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type InterventionMessage, InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { type IndexDefinition, onStore, type Store } from "./connect-store.ts";

/** The ledger: one document an accepted intervention. What is here was promised to a caller. */
export type InterventionDocument = {
  /** The intervention's id, derived from workspace and idempotency key. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly acceptedAt: Date;
  /** SHA-256 of the request, by which a reused key is told from a repeated call. */
  readonly bodyHash: Binary;
  /** InterventionMessage. */
  readonly message: Binary;
};

export const interventionIndexes = [
  // List; the reconciler's walk through time.
  { name: "by_time", key: { workspaceId: 1, acceptedAt: -1, _id: -1 } },
  // List of one user.
  { name: "by_user", key: { workspaceId: 1, userId: 1, acceptedAt: -1, _id: -1 } },
] as const satisfies readonly IndexDefinition[];

/** Reads the body back. */
export function toInterventionMessage(document: Pick<InterventionDocument, "message">): InterventionMessage {
  return fromBinary(InterventionMessageSchema, document.message.value());
}

/** Those of the ids that are in this workspace's ledger. */
export function findInterventions(store: Store, workspaceId: string, ids: readonly string[]): Promise<InterventionDocument[]> {
  return onStore(() => store.interventions.find({ _id: { $in: [...ids] }, workspaceId }).toArray());
}

/** Where a page of the list begins. */
export type ListPosition = { readonly acceptedAt: Date; readonly id: string };

/** A page, newest first. */
export function listInterventions(
  store: Store,
  options: { readonly workspaceId: string; readonly userId?: string; readonly after?: ListPosition; readonly limit: number },
): Promise<InterventionDocument[]> {
  const { after } = options;
  const filter = {
    workspaceId: options.workspaceId,
    ...(options.userId === undefined ? {} : { userId: options.userId }),
    ...(after === undefined ? {} : { $or: [{ acceptedAt: { $lt: after.acceptedAt } }, { acceptedAt: after.acceptedAt, _id: { $lt: after.id } }] }),
  };
  return onStore(() => store.interventions.find(filter).sort({ acceptedAt: -1, _id: -1 }).limit(options.limit).toArray());
}

/** A page of those accepted in (after, until], oldest first: the reconciler's way through the ledger. */
export function listAcceptedBetween(
  store: Store,
  options: { readonly workspaceId: string; readonly from: Date; readonly until: Date; readonly limit: number },
): Promise<InterventionDocument[]> {
  return onStore(() =>
    store.interventions
      .find({ workspaceId: options.workspaceId, acceptedAt: { $gte: options.from, $lte: options.until } })
      .sort({ acceptedAt: 1, _id: 1 })
      .limit(options.limit)
      .toArray(),
  );
}
