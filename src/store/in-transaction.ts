import { type ClientSession, MongoError } from "mongodb";
import { Unavailable } from "../domain/errors.ts";
import type { Store } from "./connect-store.ts";
import { onStore } from "./on-store.ts";

/** Runs writes that belong together: all of them happen or none. It is run again when another transaction got in its way, so
 *  `write` may do nothing but read and write through the session.
 *  @throws Unavailable when it may or may not have happened. */
export function inTransaction<T>(store: Store, write: (session: ClientSession) => Promise<T>): Promise<T> {
  return onStore(() =>
    store.db.client.withSession((session) =>
      session.withTransaction(() => write(session).catch(throwCause), {
        readConcern: { level: "snapshot" },
        writeConcern: { w: "majority", journal: true },
      }),
    ),
  );
}

/** The server's own error says whether to run it again. */
function throwCause(error: unknown): never {
  throw error instanceof Unavailable && error.cause instanceof MongoError ? error.cause : error;
}
