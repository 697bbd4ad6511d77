import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { Binary, type Filter, Long } from "mongodb";
import { type Product, ProductSchema } from "../../gen/intervention/v1/catalog_pb.js";
import { NO_OFFER, type Offer, toOffer } from "../domain/catalog/offer.ts";
import { toProductVersion } from "../domain/catalog/product-version.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

type StoredOffer = { readonly isAvailable: boolean; readonly currency: string; readonly priceMinor: Long };

/** The newest known version of a product; one that was taken out is kept a while, so that older ones do not bring it back. */
export type ProductDocument = {
  /** `{workspace}/{product id}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly productId: string;
  /** `toProductVersion`: the greatest one stands. */
  readonly version: string;
  /** Product; absent when it was taken out. */
  readonly product?: Binary;
  readonly offer: StoredOffer;
  /** The newest versions that took another one's place, newest first, each with the offer before it. */
  readonly replaced?: readonly { readonly version: string; readonly before: StoredOffer }[];
  /** Its product id while it is in the catalogue: what lists go by. */
  readonly listedAs?: string;
  /** Its category and all those above it, while it is in the catalogue. */
  readonly categories?: readonly string[];
  /** When it was taken out, by the shop's clock. */
  readonly goneAt?: Date;
};

const GONE_KEPT_S = 90 * 86_400;

export const productIndexes = [
  { name: "by_id", key: { workspaceId: 1, listedAs: 1 } },
  { name: "by_category", key: { workspaceId: 1, categories: 1, listedAs: 1 } },
  { name: "gone", key: { goneAt: 1 }, expireAfterSeconds: GONE_KEPT_S },
] as const satisfies readonly IndexDefinition[];

/** What became of a version that was put in. */
export type PutOutcome = {
  readonly kind: "created" | "updated" | "unchanged" | "stale";
  /** What stood before it, when it stands now. */
  readonly before: Offer | undefined;
};

const documentId = (workspaceId: string, productId: string) => `${workspaceId}/${productId}`;

/** The document of a version; one without a product takes it out. */
export function toProductDocument(options: {
  readonly workspaceId: string;
  readonly productId: string;
  readonly product: Product | undefined;
  readonly at: Timestamp;
}): ProductDocument {
  const { workspaceId, productId, product, at } = options;
  const common = {
    _id: documentId(workspaceId, productId),
    workspaceId,
    productId,
    version: toProductVersion(product, at),
  };
  if (product === undefined) return { ...common, offer: toStoredOffer(NO_OFFER), goneAt: timestampDate(at) };
  return {
    ...common,
    product: new Binary(toBinary(ProductSchema, product)),
    offer: toStoredOffer(toOffer(product)),
    listedAs: productId,
    categories: toCategories(product.category),
  };
}

/** A call finds its own change as long as the product was not changed more often than this before it looked, and so does one that
 *  is repeated after a failure. */
const REPLACED_KEPT_MAX = 32;

/** Puts versions in, each unless a later one is there. Safe to repeat, and in whatever order.
 *  @returns one outcome a document, in their order. */
export async function putProducts(store: Store, documents: readonly ProductDocument[]): Promise<PutOutcome[]> {
  // Of several versions of one product in a batch the last one alone is written: the others are stale at once.
  const latest = new Map<string, ProductDocument>();
  for (const document of documents)
    if (document.version >= (latest.get(document._id)?.version ?? "")) latest.set(document._id, document);
  const known = await readStanding(store, [...latest.keys()]);
  const fresh = [...latest.values()].filter(({ _id }) => !known.has(_id));
  const conflicts = new Set((await insertNew(store.products, fresh)).map(({ index }) => index));
  const outcomes = new Map<string, PutOutcome>();
  for (const [index, { _id }] of fresh.entries())
    if (!conflicts.has(index)) outcomes.set(_id, { kind: "created", before: undefined });
  const others = [...latest.values()].filter(({ _id }) => !outcomes.has(_id));
  // Versions only grow: what is older than one that was seen stays so, and needs no write.
  await replaceOlder(
    store,
    others.filter(({ _id, version }) => version > (known.get(_id)?.version ?? "")),
  );
  const standing = await readStanding(
    store,
    others.map(({ _id }) => _id),
  );
  for (const document of others)
    outcomes.set(document._id, toOutcome(document, known.get(document._id), standing.get(document._id)));
  return documents.map((document) => {
    const isLatest = latest.get(document._id)?.version === document.version;
    return (isLatest ? outcomes.get(document._id) : undefined) ?? { kind: "stale", before: undefined };
  });
}

type Standing = Pick<ProductDocument, "_id" | "version" | "replaced">;

async function readStanding(store: Store, ids: readonly string[]): Promise<Map<string, Standing>> {
  if (ids.length === 0) return new Map();
  const found = await onStore(() =>
    store.products.find({ _id: { $in: [...ids] } }, { projection: { version: 1, replaced: 1 } }).toArray(),
  );
  return new Map(found.map((document) => [document._id, document]));
}

/** The condition stands in the update, not in the filter, so that a document is found by its id; and what is replaced is noted in
 *  the same step, so that no two writers take the same change for theirs. Not findOneAndUpdate, which would tell at once what it
 *  has replaced: there are servers where it looks at every document. */
async function replaceOlder(store: Store, documents: readonly ProductDocument[]): Promise<void> {
  if (documents.length === 0) return;
  const operations = documents.map(({ _id, ...fields }) => {
    const noted = [{ version: { $literal: fields.version }, before: "$offer" }];
    const replaced = { $slice: [{ $concatArrays: [noted, { $ifNull: ["$replaced", []] }] }, REPLACED_KEPT_MAX] };
    const next = { $mergeObjects: [{ _id: "$_id", replaced }, { $literal: fields }] };
    const update = [{ $replaceWith: { $cond: [{ $lt: ["$version", fields.version] }, next, "$$ROOT"] } }];
    return { updateOne: { filter: { _id }, update } };
  });
  await onStore(() => store.products.bulkWrite(operations, { ordered: false }));
}

/** What became of a version, by what stands after it was written. */
function toOutcome({ version }: ProductDocument, seen: Standing | undefined, now: Standing | undefined): PutOutcome {
  // It may have been overtaken since: then its change is no less a change.
  const own = now?.replaced?.find((one) => one.version === version);
  const before = own === undefined ? undefined : readOffer(own.before);
  if (seen?.version === version) return { kind: "unchanged", before };
  if (own !== undefined) return { kind: "updated", before };
  return { kind: now?.version === version ? "unchanged" : "stale", before: undefined };
}

/** The products of a workspace that the catalogue has, of those asked for. */
export async function findProducts(
  store: Store,
  workspaceId: string,
  productIds: readonly string[],
): Promise<Map<string, Product>> {
  const ids = productIds.map((id) => documentId(workspaceId, id));
  const found = await onStore(() => store.products.find({ _id: { $in: ids } }).toArray());
  return new Map(
    found.flatMap(({ productId, product }) =>
      product === undefined ? [] : [[productId, fromBinary(ProductSchema, product.value())] as const],
    ),
  );
}

/** Sorts after every id that begins with the same text. */
const LAST = "\u{10ffff}";

/** A page of the catalogue, by id.
 *  @param options.category those in it or below it; empty for all. @param options.after the page begins after this id. */
export async function listProducts(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly category: string;
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  },
): Promise<Product[]> {
  const { workspaceId, category, prefix, after, limit } = options;
  const filter: Filter<ProductDocument> = {
    workspaceId,
    ...(category === "" ? {} : { categories: category }),
    listedAs: { ...(after >= prefix && after !== "" ? { $gt: after } : { $gte: prefix }), $lt: `${prefix}${LAST}` },
  };
  const found = await onStore(() => store.products.find(filter).sort({ listedAs: 1 }).limit(limit).toArray());
  return found.flatMap(({ product }) => (product === undefined ? [] : [fromBinary(ProductSchema, product.value())]));
}

/** `shoes/running` → `shoes`, `shoes/running`. */
function toCategories(category: string): string[] {
  if (category === "") return [];
  const parts = category.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

const toStoredOffer = (offer: Offer): StoredOffer => ({ ...offer, priceMinor: Long.fromBigInt(offer.priceMinor) });

const readOffer = (offer: StoredOffer): Offer => ({ ...offer, priceMinor: BigInt(String(offer.priceMinor)) });
