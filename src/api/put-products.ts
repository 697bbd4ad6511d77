import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Product } from "../../gen/intervention/v1/catalog_pb.js";
import { UpsertOutcome } from "../../gen/intervention/v1/catalog_service_pb.js";
import type { Bus } from "../bus/index.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { tellProductsChanged } from "../integrations/catalog-view.ts";
import { type PutOutcome, putProducts, type Store, toProductDocument } from "../store/index.ts";
import { type ProductChange, raiseTopics } from "./raise-topics.ts";

/** What changing the catalogue works with. */
export type CatalogParts = { readonly store: Store; readonly bus: Bus; readonly now: () => Date };

/** A version of a product; without one it is taken out. */
export type Version = { readonly productId: string; readonly product: Product | undefined; readonly at: Timestamp };

/** Puts versions into the catalogue and does all that follows from it, in an order in which a call that is repeated after a failure
 *  makes good what is missing.
 *  @returns one outcome a version, in their order. */
export async function putAndTell(
  parts: CatalogParts,
  workspace: Workspace,
  versions: readonly Version[],
): Promise<PutOutcome["kind"][]> {
  const documents = versions.map((version) => toProductDocument({ workspaceId: workspace.id, ...version }));
  let outcomes: PutOutcome[] = [];
  try {
    outcomes = await putProducts(parts.store, documents);
  } finally {
    // Told also when it is not known what was written: who hears it looks.
    const standing = versions.filter((_, index) => outcomes[index]?.kind !== "stale");
    tellProductsChanged(
      parts.bus,
      workspace.id,
      standing.map(({ productId }) => productId),
    );
  }
  const changes = versions.flatMap(({ product }, index): ProductChange[] => {
    const [outcome, document] = [outcomes[index], documents[index]];
    if (product === undefined || outcome === undefined || document === undefined || outcome.kind === "stale") return [];
    return [{ product, version: document.version, before: outcome.before }];
  });
  await raiseTopics(parts, workspace, changes);
  return outcomes.map(({ kind }) => kind);
}

/** As callers are told. */
export const UPSERT_OUTCOMES: Readonly<Record<PutOutcome["kind"], UpsertOutcome>> = {
  created: UpsertOutcome.CREATED,
  updated: UpsertOutcome.UPDATED,
  unchanged: UpsertOutcome.UNCHANGED,
  stale: UpsertOutcome.STALE,
};
