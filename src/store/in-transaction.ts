import type { ClientSession } from "mongodb";
import type { Store } from "./connect-store.ts";
import { onStore } from "./on-store.ts";

/** Runs writes that belong together: all of them happen or none. It is run again when another transaction got in its way, so
 *  `write` may do nothing but read and write through the session.
 *  @throws Unavailable when it may or may not have happened. */
export function inTransaction<T>(store: Store, write: (session: ClientSession) => Promise<T>): Promise<T> {
  return onStore(() =>
    store.db.client.withSession((session) =>
      session.withTransaction(() => write(session), {
        readConcern: { level: "snapshot" },
        writeConcern: { w: "majority", journal: true },
      }),
    ),
  );
}
