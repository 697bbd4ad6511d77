import { type Collection, type Document, MongoBulkWriteError, type OptionalUnlessRequiredId } from "mongodb";
import { onStore } from "./on-store.ts";

const DUPLICATE_KEY = 11000;

/** A document that was not inserted because a unique index has its key already. */
export type Conflict = {
  /** Which of the documents given. */
  readonly index: number;
  /** Name of the index: `_id_`, or one of the collection's own. */
  readonly indexName: string;
};

/** Inserts those of the documents that are new, in one round trip, and tells which were not.
 *  @throws Unavailable when some may or may not be inserted; doing it again is safe. */
export async function insertNew<T extends Document>(
  collection: Collection<T>,
  documents: readonly OptionalUnlessRequiredId<T>[],
): Promise<Conflict[]> {
  if (documents.length === 0) return [];
  return onStore(async () => {
    try {
      await collection.insertMany([...documents], { ordered: false });
      return [];
    } catch (error) {
      if (!(error instanceof MongoBulkWriteError)) throw error;
      const failures = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
      if (failures.length === 0 || failures.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
      // A write concern error beside the duplicates would mean that the others may not be safe yet.
      if (error.result.getWriteConcernError() !== undefined) throw error;
      return failures.map(({ index, errmsg }) => ({
        index,
        indexName: /index: (\S+)/.exec(errmsg ?? "")?.[1] ?? "_id_",
      }));
    }
  });
}
