import { type TemplateFacts, toTemplateProductIds, toTemplateProducts } from "../domain/template/index.ts";
import { findProducts, type Store } from "../store/index.ts";

/** What the catalogue has now of the products that templates may name for a user. */
export async function findTemplateProducts(store: Store, workspaceId: string, facts: TemplateFacts) {
  const ids = toTemplateProductIds(facts);
  const all = [...new Set([...ids.cart, ...ids.recommended])];
  return toTemplateProducts(ids, all.length === 0 ? new Map() : await findProducts(store, workspaceId, all), facts.now);
}
