import type { Report } from "../channels/callback/report.ts";
import type { Workspace } from "../integrations/caller.ts";
import {
  countSoftBounces,
  insertSoftBounces,
  insertSuppressions,
  type ProviderAccountDocument,
  type Store,
  toAddressHash,
} from "../store/index.ts";

/** So many messages that an address has not taken within so long, and it gets nothing more. A mailbox that is full over a weekend is
 *  written to again; one that nobody empties is not. */
const SOFT_BOUNCES_MAX = 3;
const SOFT_BOUNCES_WITHIN_MS = 14 * 86_400_000;

/** Enters the addresses that reports speak against, by their own word or because it is not the first time. */
export async function suppressReported(
  store: Store,
  options: {
    readonly workspace: Workspace;
    readonly account: ProviderAccountDocument;
    readonly reports: readonly Report[];
    readonly now: Date;
  },
): Promise<void> {
  const { workspace, account, reports, now } = options;
  const { channel, provider } = account;
  const toHash = (address: string) => toAddressHash(workspace, { channel, address });
  // In a sandbox it was not the user's address that was written to.
  const sandbox = account.sandboxTo === "" ? undefined : toHash(account.sandboxTo);
  const isUsers = (address: string) => toHash(address) !== sandbox;
  const said = reports.flatMap(({ addresses, suppression }) =>
    suppression === undefined
      ? []
      : addresses.filter(isUsers).map((address) => ({ channel, address, source: provider, ...suppression })),
  );
  if (said.length > 0) await insertSuppressions(store, workspace, said, now);
  for (const { addresses, at, kind, providerMessageId } of reports)
    if (kind === "soft_bounced")
      for (const address of addresses.filter(isUsers))
        await countSoftBounce(store, { workspace, account, address, at, providerMessageId, now });
}

async function countSoftBounce(
  store: Store,
  bounce: {
    readonly workspace: Workspace;
    readonly account: ProviderAccountDocument;
    readonly address: string;
    readonly at: Date;
    readonly providerMessageId: string;
    readonly now: Date;
  },
): Promise<void> {
  const { workspace, account, address, at, providerMessageId, now } = bounce;
  const { _id: accountId, channel, provider } = account;
  const addressHash = toAddressHash(workspace, { channel, address });
  const _id = `${workspace.id}/${addressHash}/${accountId}/${providerMessageId}`;
  await insertSoftBounces(store, [{ _id, workspaceId: workspace.id, channel, addressHash, at }]);
  const since = new Date(now.getTime() - SOFT_BOUNCES_WITHIN_MS);
  if ((await countSoftBounces(store, { workspaceId: workspace.id, addressHash, since })) < SOFT_BOUNCES_MAX) return;
  const said = { channel, address, scope: "all", reason: "bounce", source: provider } as const;
  await insertSuppressions(store, workspace, [said], now);
}
