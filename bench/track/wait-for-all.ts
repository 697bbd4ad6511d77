import type { Collection } from "mongodb";
import { untilStill } from "../until-still.ts";

const stillMsMax = 60_000;

/** Waits until a collection has grown by so many documents, or nothing more comes.
 *  @returns how many are missing. */
export async function waitForAll(collection: Collection<never>, before: number, wanted: number): Promise<number> {
  const left = async () => before + wanted - (await collection.estimatedDocumentCount());
  return untilStill({ left, stillMsMax, pollMs: 20 });
}
