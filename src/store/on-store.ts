import { MongoError, MongoServerError } from "mongodb";
import { Unavailable } from "../domain/errors.ts";

/** Runs a store operation; what went wrong with the server becomes Unavailable, which is tried again. */
export async function onStore<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof MongoError && !isCallersFault(error)) throw new Unavailable("store", { cause: error });
    throw error;
  }
}

/** Codes of BadValue, FailedToParse, TypeMismatch and BSONObjectTooLarge: no retry would help. */
const CALLERS_FAULTS = new Set<number | string>([2, 9, 14, 10334]);

function isCallersFault(error: MongoError): boolean {
  return error instanceof MongoServerError && error.code !== undefined && CALLERS_FAULTS.has(error.code);
}
