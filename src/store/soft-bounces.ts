import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** A message that an address did not take, though it may take the next one. */
export type SoftBounceDocument = {
  /** `{workspace}/{address hash}/{account}/{provider's message id}`: a message counts once. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly channel: OutsideChannelName;
  /** `toAddressHash`. */
  readonly addressHash: string;
  readonly at: Date;
};

const KEPT_S = 30 * 86_400;

export const softBounceIndexes = [
  { name: "by_address", key: { workspaceId: 1, addressHash: 1 } },
  { name: "retention", key: { at: 1 }, expireAfterSeconds: KEPT_S },
] as const satisfies readonly IndexDefinition[];

/** Of one address there is nothing more to find out beyond so many. */
const COUNTED_MAX = 100;

/** Notes soft bounces; doing it again does nothing. */
export async function insertSoftBounces(store: Store, bounces: readonly SoftBounceDocument[]): Promise<void> {
  await insertNew(store.softBounces, bounces);
}

/** How many messages an address has not taken since a time, up to 100. */
export async function countSoftBounces(
  store: Store,
  {
    workspaceId,
    addressHash,
    since,
  }: { readonly workspaceId: string; readonly addressHash: string; readonly since: Date },
): Promise<number> {
  const found = await onStore(() =>
    store.softBounces
      .find({ workspaceId, addressHash }, { projection: { at: 1 } })
      .limit(COUNTED_MAX)
      .toArray(),
  );
  return found.filter(({ at }) => at >= since).length;
}
