import type * as stores from "../index.ts";
import type { Store } from "../index.ts";
import type { Call } from "./call-arguments.ts";
import { MESSAGE_CALLS } from "./message-calls.ts";
import { SETTING_CALLS } from "./setting-calls.ts";
import { USER_CALLS } from "./user-calls.ts";

type Stores = typeof stores;
/** What takes the store and asks it something; what only inserts asks nothing. */
type Asking = Exclude<
  {
    [Key in keyof Stores]: Stores[Key] extends (store: Store, ...rest: never[]) => unknown ? Key : never;
  }[keyof Stores],
  `insert${string}`
>;

/** Each function of the store with arguments, several where it asks in several ways. One that is missing is an error of the compiler:
 *  what is asked here is what `queries.it.test.ts` has the server explain. */
export const STORE_CALLS: Readonly<Record<Asking, readonly Call[]>> = {
  ...USER_CALLS,
  ...MESSAGE_CALLS,
  ...SETTING_CALLS,
};
