import { isDeepStrictEqual } from "node:util";
import { findChanges, type Membership, type ShopperFacts, toFactIndex, toFactKeys } from "../domain/segment/index.ts";
import type { SegmentDirectory } from "../integrations/segment-directory.ts";
import {
  deleteShopper,
  profileId,
  type ShopperDocument,
  type Store,
  saveShoppers,
  toMemberKey,
  toPlace,
} from "../store/index.ts";
import { loadShoppers } from "./load-shoppers.ts";

/** That a shopper came into a segment, or left it. */
export type SegmentChange = Membership & { readonly workspaceId: string; readonly userId: string };

/** What keeping members stands on. */
export type SegmentMembersOptions = {
  readonly store: Store;
  readonly segments: Pick<SegmentDirectory, "findLive">;
  /** Told of changes before they are kept, so that none is forgotten: it may be told again. Default: nobody waits for them. */
  readonly onChanges?: ((changes: readonly SegmentChange[]) => Promise<void>) | undefined;
  readonly metrics: { readonly segmentChanges: { readonly inc: (labels: { readonly to: "in" | "out" }) => void } };
  readonly now: () => Date;
};

/** Others may look at the same shopper; each time one of them gets through. */
const CONFLICTS_MAX = 20;

/** Keeps what segments look at of shoppers, and who is in which. All of it may be done again, by several at a time. */
export class SegmentMembers {
  readonly #options: SegmentMembersOptions;

  constructor(options: SegmentMembersOptions) {
    this.#options = options;
  }

  /** Looks at everything that is known of these users. */
  async refresh(workspaceId: string, userIds: readonly string[]): Promise<void> {
    let open: readonly string[] = [...new Set(userIds)];
    for (let attempt = 0; open.length > 0 && attempt < CONFLICTS_MAX; attempt += 1) {
      const loaded = await loadShoppers(this.#options.store, workspaceId, open);
      const known = loaded.filter(({ isKnown }) => isKnown);
      const survivors = new Set(known.map(({ userId }) => userId));
      for (const userId of new Set([...open, ...loaded.map((one) => one.userId)]))
        if (!survivors.has(userId)) await deleteShopper(this.#options.store, workspaceId, userId);
      open = await this.#keep(
        workspaceId,
        known.map(({ userId, facts, kept }) => ({ kept, next: toDocument({ workspaceId, userId, facts, kept }) })),
      );
    }
    if (open.length > 0) throw new Error(`${open.length} shoppers were changed by others ${CONFLICTS_MAX} times`);
  }

  /** Looks at shoppers of a workspace as they are kept: for what time alone or a changed rule brings about. */
  async review(workspaceId: string, kept: readonly ShopperDocument[]): Promise<void> {
    const lost = await this.#keep(
      workspaceId,
      kept.map((one) => ({ kept: one, next: one })),
    );
    await this.refresh(workspaceId, lost);
  }

  /** @returns the users whom another changed meanwhile. */
  async #keep(
    workspaceId: string,
    all: readonly { readonly kept: ShopperDocument | undefined; readonly next: ShopperDocument }[],
  ): Promise<string[]> {
    const { now, onChanges, metrics, segments, store } = this.#options;
    const live = segments.findLive(workspaceId);
    const nowMs = now().getTime();
    const changes = new Map<string, readonly Membership[]>();
    const documents = all.flatMap(({ kept, next }) => {
      const facts = toFactIndex(next);
      const { memberships, changed } = findChanges(next.memberships, live.segments, { facts, nowMs });
      const members = memberships.filter(({ isIn }) => isIn).map(({ segmentId }) => toMemberKey(segmentId));
      const document = { ...next, memberships, keys: [...toFactKeys(next), ...members] };
      if (kept !== undefined && isSame(document, kept)) return [];
      changes.set(document._id, changed);
      return [{ ...document, revision: (kept?.revision ?? 0) + 1 }];
    });
    await onChanges?.(
      documents.flatMap(({ _id, userId }) =>
        (changes.get(_id) ?? []).map((change) => ({ ...change, workspaceId, userId })),
      ),
    );
    const lost = await saveShoppers(store, documents);
    for (const [id, changed] of changes)
      if (!lost.has(id)) for (const { isIn } of changed) metrics.segmentChanges.inc({ to: isIn ? "in" : "out" });
    return documents.flatMap(({ _id, userId }) => (lost.has(_id) ? [userId] : []));
  }
}

const isSame = ({ revision: _, ...one }: ShopperDocument, { revision: __, ...other }: ShopperDocument) =>
  isDeepStrictEqual(one, other);

function toDocument({
  workspaceId,
  userId,
  facts,
  kept,
}: {
  readonly workspaceId: string;
  readonly userId: string;
  readonly facts: ShopperFacts;
  readonly kept: ShopperDocument | undefined;
}): ShopperDocument {
  return {
    _id: profileId(workspaceId, userId),
    ...{ workspaceId, userId, place: toPlace(userId), revision: kept?.revision ?? 0, keys: [] },
    ...facts,
    memberships: kept?.memberships ?? [],
  };
}
