import type { Channel, Policy } from "../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { fromChannelName } from "../domain/delivery/channel-names.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { type AddressOf, findSuppressions, type Store, toAddressHash } from "../store/index.ts";

/** Addresses of a workspace that something might go to, and what for. */
export type Asked = {
  readonly workspaceId: string;
  readonly policy: Policy | undefined;
  readonly addresses: readonly AddressOf[];
};

/** One that nothing is to go to. */
export type Suppressed = { readonly channel: Channel; readonly address: string; readonly reason: string };

type Parts = { readonly store: Store; readonly access: Pick<AccessDirectory, "findWorkspace"> };

/** Looks up the suppressions of many in one read a workspace.
 *  @returns a function that has those of each of them. @throws Unavailable when the store does not answer. */
export async function loadSuppressed(
  { store, access }: Parts,
  all: readonly Asked[],
): Promise<(one: Asked) => Suppressed[]> {
  const found = new Map<string, Awaited<ReturnType<typeof findSuppressions>>>();
  await Promise.all(
    [...Map.groupBy(all, ({ workspaceId }) => workspaceId)].map(async ([id, its]) => {
      const workspace = access.findWorkspace(id);
      const addresses = its.flatMap((one) => one.addresses);
      if (workspace !== undefined && addresses.length > 0)
        found.set(id, await findSuppressions(store, workspace, addresses));
    }),
  );
  return ({ workspaceId, policy, addresses }) => {
    const workspace = access.findWorkspace(workspaceId);
    const standing = found.get(workspaceId);
    if (workspace === undefined || standing === undefined) return [];
    const isService = policy?.purpose === Purpose.SERVICE;
    return addresses.flatMap(({ channel, address }) => {
      const against = standing.get(toAddressHash(workspace, { channel, address })) ?? [];
      const one = against.find(({ scope }) => scope === "all" || !isService);
      return one === undefined ? [] : [{ channel: fromChannelName(channel), address, reason: one.reason }];
    });
  };
}
