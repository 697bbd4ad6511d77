import { randomUUID } from "node:crypto";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { DomainError, Unavailable } from "../domain/errors.ts";
import type { Caller } from "../integrations/access-directory.ts";
import { type AuditDocument, insertAuditEntry, type Store, setAuditOutcome, toPosition } from "../store/index.ts";

/** A change as the audit log has it. Nothing in it may be secret. */
export type Change = {
  /** Whose log it goes to. */
  readonly workspaceId: string;
  readonly caller: Caller;
  /** `package.Service/Method`. */
  readonly method: string;
  /** Its resource name. */
  readonly resource: string;
  /** Absent: nothing was there. */
  readonly before?: JsonValue | undefined;
  /** Absent: nothing is there any more. */
  readonly after?: JsonValue | undefined;
  readonly at: Date;
};

/** The entry of a change, to be inserted in the transaction that makes it: neither is ever there without the other. */
export function toAuditEntry(change: Change, outcome: AuditDocument["outcome"] = "done"): AuditDocument {
  const { caller, workspaceId, method, resource, before, after, at } = change;
  const id = randomUUID();
  return {
    ...{ _id: id, workspaceId, position: toPosition(at, id), at, actor: toActor(caller), method, resource, outcome },
    ...(before === undefined ? {} : { before: JSON.stringify(before) }),
    ...(after === undefined ? {} : { after: JSON.stringify(after) }),
  };
}

/** Makes a change that is not in the database, or can't share a transaction: its entry is there first, as intended, and then says
 *  how it ended. A crash in between leaves it intended, which tells that somebody must look whether it happened. */
export async function actAudited<T>(
  { store, log }: { readonly store: Store; readonly log: Logger },
  change: Change,
  act: () => Promise<T>,
): Promise<T> {
  const entry = toAuditEntry(change, "intended");
  await insertAuditEntry(store, entry);
  const settle = async (outcome: "done" | "failed") => {
    try {
      await setAuditOutcome(store, entry._id, outcome);
    } catch (error) {
      // The act is over, and its caller is told how it ended; the entry stays intended, which is the careful thing to say.
      log.warn({ event: "audit_not_settled", entryId: entry._id, err: error }, "how a change ended can't be entered");
    }
  };
  try {
    const result = await act();
    await settle("done");
    return result;
  } catch (error) {
    // Only what was refused has surely not happened.
    if (error instanceof DomainError && !(error instanceof Unavailable)) await settle("failed");
    throw error;
  }
}

/** JSON as it is stored, read back. */
export const parseAudited = (text: string): JsonObject => {
  const value: JsonValue = JSON.parse(text);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : { value };
};

const toActor = (caller: Caller) => (caller.kind === "service" ? caller.actor : `user/${caller.userId}`);
