import { Unavailable } from "../domain/errors.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";
import { liftUnsubscribed, type SuppressionDocument, suppressHash } from "./suppressions.ts";

/** The newest that an address's owner has said by the address itself: that it is to get no marketing, or is to get it again. */
export type AddressWishDocument = {
  /** `{workspace}/{address hash}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly channel: SuppressionDocument["channel"];
  readonly wish: "stop" | "start";
  /** When it was said. */
  readonly at: Date;
  /** By what: a provider, a link, a page. */
  readonly source: string;
};

export const addressWishIndexes = [] as const satisfies readonly IndexDefinition[];

/** Others can say something of the same address meanwhile, but not again and again. */
const ROUNDS_MAX = 10;

/** Does what the owner of an address wants, unless he has wanted something newer: of what was said at one time the stop counts. It comes to
 *  the same however often and in whatever order wishes come.
 *  @param options.hash of the address, as of `toAddressHash`.
 *  @throws Unavailable when it may not be done; doing it again is safe. */
export async function followWish(
  store: Store,
  { hash, ...said }: Omit<AddressWishDocument, "_id"> & { readonly hash: string },
): Promise<void> {
  const _id = `${said.workspaceId}/${hash}`;
  await keepNewer(store, { _id, ...said });
  let standing = await read(store, _id);
  for (let round = 1; round <= ROUNDS_MAX && standing !== undefined; round += 1) {
    const { workspaceId, channel, source, at, wish } = standing;
    if (wish === "stop") {
      const unsubscribed = { scope: "marketing", reason: "unsubscribe", source } as const;
      await suppressHash(store, { workspaceId, channel, hash, ...unsubscribed }, at);
    } else await liftUnsubscribed(store, { workspaceId, hash, until: at });
    // Whoever has come in between may have been done first, and this has undone it.
    const now = await read(store, _id);
    if (now?.wish === wish && now.at.getTime() === at.getTime()) return;
    standing = now;
  }
  throw new Unavailable("store", { cause: new Error(`the wishes of one address have changed ${ROUNDS_MAX} times`) });
}

async function keepNewer(store: Store, document: AddressWishDocument): Promise<void> {
  if ((await insertNew(store.addressWishes, [document])).length === 0) return;
  const { _id, at, wish } = document;
  // The condition stands in the update, so that the document is found by its id alone.
  const isOlder = { [wish === "stop" ? "$lte" : "$lt"]: ["$at", at] };
  const update = [{ $replaceWith: { $cond: [isOlder, { $literal: document }, "$$ROOT"] } }];
  await onStore(() => store.addressWishes.updateOne({ _id }, update));
}

const read = async (store: Store, _id: string): Promise<AddressWishDocument | undefined> =>
  (await onStore(() => store.addressWishes.findOne({ _id }))) ?? undefined;
