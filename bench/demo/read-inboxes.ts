import type { Client } from "@connectrpc/connect";
import type { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { forEachOf, untilAnswered } from "../call-engine.ts";
import type { Account } from "./account.ts";

const atOnce = 8;
const pageSize = 100;

/** Reads the whole inbox of each customer by RPC into the account. @param onRead is called after each customer. */
export async function readInboxes(options: {
  readonly inbox: Client<typeof InboxService>;
  readonly customers: Iterable<string>;
  readonly account: Account;
  readonly onRead: () => void;
}): Promise<void> {
  const { account, inbox } = options;
  await forEachOf(options.customers, atOnce, async (customer) => {
    let pageToken = "";
    do {
      const request = { userId: customer, pageSize, pageToken, includeArchived: true };
      const page = await untilAnswered(() => inbox.list(request));
      for (const { interventionId } of page.items) account.inbox(interventionId, customer);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    options.onRead();
  });
}
