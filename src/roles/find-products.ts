import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import type { FoundProduct } from "../domain/catalog/product-states.ts";
import type { DecideOptions } from "./decide.ts";

/** What the catalogues have of the products that a batch names, by workspace. */
export async function findProducts(
  { catalog, catalogAgeMs }: Pick<DecideOptions, "catalog" | "catalogAgeMs">,
  messages: readonly InterventionMessage[],
): Promise<Map<string, Map<string, FoundProduct>>> {
  const named = messages.filter(({ content }) => (content?.productIds.length ?? 0) > 0);
  const byWorkspace = Map.groupBy(named, ({ workspace }) => workspace);
  const found = [...byWorkspace].map(async ([workspace, its]) => {
    const ids = its.flatMap(({ content }) => content?.productIds ?? []);
    return [workspace, await catalog.findFresh(workspace, ids, { maxAgeMs: catalogAgeMs })] as const;
  });
  return new Map(await Promise.all(found));
}
