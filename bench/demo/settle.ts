import type { Client } from "@connectrpc/connect";
import type { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { type BenchStore, waitForEvents } from "../bench-store.ts";
import { untilStill } from "../until-still.ts";
import type { Account } from "./account.ts";
import type { Progress } from "./progress.ts";
import { readInboxes } from "./read-inboxes.ts";
import type { Shoppers } from "./shoppers.ts";

export type SettleOptions = {
  readonly store: BenchStore;
  readonly inbox: Client<typeof InboxService>;
  readonly account: Account;
  readonly shoppers: Shoppers;
  readonly progress: Progress;
};

/** Longer than anything the engine waits for by itself, in the demo's settings. */
const stillMsMax = 60_000;
const pollMs = 200;

/** Waits until everything accepted has come out somewhere, and all that the shoppers reported is stored. Gives up, and lets the
 *  table tell, when nothing has moved for a minute.
 *  @returns how many displayed events are in the store. */
export async function settle({ store, inbox, account, shoppers, progress }: SettleOptions): Promise<number> {
  progress.say("Reading the inboxes of those who were not there.");
  let unread = account.customersWaiting();
  const customers = unread.size;
  let read = 0;
  const wait = { stillMsMax, pollMs };
  await untilStill({
    ...wait,
    left: async () => {
      await readInboxes({
        inbox,
        customers: unread,
        account,
        onRead: () => {
          read += 1;
          // Those who still wait for something are read again, which is no progress to be shown.
          if (read <= customers) progress.show(read, customers, "inboxes read");
        },
      });
      unread = account.customersWaiting();
      return unread.size;
    },
  });
  await untilStill({ ...wait, left: () => shoppers.unsentCount() });
  return await waitForEvents(store, { kind: "displayed", interventionIds: account.shownIds, stillMsMax });
}
