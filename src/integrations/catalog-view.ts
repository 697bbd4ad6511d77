import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ProductsChangedSchema } from "../../gen/intervention/v1/catalog_pb.js";
import type { Bus } from "../bus/index.ts";
import type { FoundProduct } from "../domain/catalog/product-states.ts";
import { findProducts, type Store } from "../store/index.ts";

/** What a view stands on. */
export type CatalogViewOptions = { readonly bus: Bus; readonly store: Store; readonly now?: () => Date };

/** About 1 KB each. */
const KEPT_MAX = 20_000;

const keyOf = (workspaceId: string, productId: string) => `${workspaceId}/${productId}`;

/** The catalogue as messages are made from it. What was read is kept in memory for as long as the caller's bound allows, and
 *  forgotten as soon as any process of the engine says that it has changed. */
export class CatalogView {
  readonly #options: CatalogViewOptions;
  /** In the order of reading, so that the first is the one to forget. */
  readonly #kept = new Map<string, FoundProduct>();
  /** What has changed while it was being read, for each read that is under way: that must not be kept. */
  readonly #changedMeanwhile = new Set<Set<string>>();
  readonly #subscription: { unsubscribe: () => void };

  constructor(options: CatalogViewOptions) {
    this.#options = options;
    const { bus } = options;
    this.#subscription = bus.nc.subscribe(bus.subjects.all.catalog, {
      callback: (_, { subject, data }) => {
        const workspaceId = bus.subjects.workspaceOf(subject);
        for (const id of fromBinary(ProductsChangedSchema, data).productIds) this.#forget(keyOf(workspaceId, id));
      },
    });
  }

  /** Products as they were at most so long ago, each with the time it was read.
   *  @param bound.maxAgeMs 0 reads them all. A change that another process made is known within a broadcast's time, and if that
   *  was lost, when this age is reached. */
  async findFresh(
    workspaceId: string,
    productIds: readonly string[],
    { maxAgeMs }: { readonly maxAgeMs: number },
  ): Promise<Map<string, FoundProduct>> {
    const now = this.#now();
    const result = new Map<string, FoundProduct>();
    for (const id of productIds) {
      const found = this.#kept.get(keyOf(workspaceId, id));
      if (found !== undefined && now.getTime() - found.asOf.getTime() < maxAgeMs) result.set(id, found);
    }
    const missing = [...new Set(productIds)].filter((id) => !result.has(id));
    if (missing.length === 0) return result;
    const changed = new Set<string>();
    this.#changedMeanwhile.add(changed);
    try {
      const read = await findProducts(this.#options.store, workspaceId, missing);
      for (const id of missing) {
        const found = { product: read.get(id), asOf: now };
        result.set(id, found);
        if (!changed.has(keyOf(workspaceId, id))) this.#keep(keyOf(workspaceId, id), found);
      }
    } finally {
      this.#changedMeanwhile.delete(changed);
    }
    return result;
  }

  stop(): void {
    this.#subscription.unsubscribe();
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date();
  }

  #keep(key: string, found: FoundProduct): void {
    this.#kept.delete(key);
    this.#kept.set(key, found);
    const oldest = this.#kept.size > KEPT_MAX ? this.#kept.keys().next().value : undefined;
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  #forget(key: string): void {
    this.#kept.delete(key);
    for (const changed of this.#changedMeanwhile) changed.add(key);
  }
}

/** Tells every process that products have changed. Nothing is waited for: who does not hear it finds out by the age of what he
 *  knows. */
export function tellProductsChanged(bus: Bus, workspaceId: string, productIds: readonly string[]): void {
  if (productIds.length === 0 || bus.nc.isClosed()) return;
  const message = create(ProductsChangedSchema, { productIds: [...productIds] });
  bus.nc.publish(bus.subjects.catalog(workspaceId), toBinary(ProductsChangedSchema, message));
}
