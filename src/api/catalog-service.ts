import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import type { Product } from "../../gen/intervention/v1/catalog_pb.js";
import {
  type CatalogService,
  ProductUpsertResultSchema,
  UpsertOutcome,
} from "../../gen/intervention/v1/catalog_service_pb.js";
import { InvalidInput, NotFound } from "../domain/errors.ts";
import { findProducts, listProducts } from "../store/index.ts";
import { getService } from "./authenticate.ts";
import { importProducts } from "./catalog-import.ts";
import { checked, orEmpty, parseFields, text } from "./field-checks.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";
import { CATEGORY, parseDeletion, parseProduct, parseProductId } from "./parse-product.ts";
import { type CatalogParts, putAndTell, UPSERT_OUTCOMES, type Version } from "./put-products.ts";
import { toStatus } from "./to-connect-error.ts";

const PAGE_SIZE = { fallback: 100, max: 1_000 };
const BATCH_MAX = 1_000;
const listSchema = z.object({ category: checked(orEmpty(CATEGORY)), productIdPrefix: checked(text({ max: 128 })) });
const positionSchema = z.tuple([z.string()]);

/** What the shop sells. */
export function catalogService(parts: CatalogParts): ServiceImpl<typeof CatalogService> {
  const { store, now } = parts;
  const put = async (workspace: Parameters<typeof putAndTell>[1], version: Version) => {
    const [kind] = await putAndTell(parts, workspace, [version]);
    return { outcome: kind === undefined ? UpsertOutcome.UNSPECIFIED : UPSERT_OUTCOMES[kind] };
  };
  return {
    upsert({ product }, context) {
      const { workspace } = getService(context.values);
      if (product === undefined)
        throw new InvalidInput([{ field: "product", description: "it is missing; it says what to put in" }]);
      return put(workspace, toVersion(product, now(), "product"));
    },
    async batchUpsert({ products }, context) {
      const { workspace } = getService(context.values);
      if (products.length === 0 || products.length > BATCH_MAX)
        throw new InvalidInput([
          { field: "products", description: `there are ${products.length}; 1 to ${BATCH_MAX} are allowed` },
        ]);
      const at = now();
      const parsed = products.map((product, index) => tryParse(product, at, `products[${index}]`));
      const good = parsed.flatMap((one) => ("productId" in one ? one : []));
      const kinds = (await putAndTell(parts, workspace, good)).values();
      return {
        results: parsed.map((one) => {
          if ("error" in one)
            return create(ProductUpsertResultSchema, { result: { case: "error", value: toStatus(one.error) } });
          const kind = kinds.next().value;
          const value = kind === undefined ? UpsertOutcome.UNSPECIFIED : UPSERT_OUTCOMES[kind];
          return create(ProductUpsertResultSchema, { result: { case: "outcome", value } });
        }),
      };
    },
    import(requests, context) {
      return importProducts(parts, getService(context.values).workspace, requests);
    },
    async get(request, context) {
      const { workspace } = getService(context.values);
      const id = parseProductId(request);
      const product = (await findProducts(store, workspace.id, [id])).get(id);
      if (product === undefined) throw new NotFound("product", id);
      return { product };
    },
    async list(request, context) {
      const { workspace } = getService(context.values);
      const { category, productIdPrefix } = parseFields(listSchema, request);
      const size = parsePageSize(request.pageSize, PAGE_SIZE);
      const scope = ["products", workspace.id, category, productIdPrefix];
      const [after = ""] = parsePageToken(request.pageToken, scope, positionSchema) ?? [];
      const found = await listProducts(store, {
        ...{ workspaceId: workspace.id, category, prefix: productIdPrefix, after, limit: size + 1 },
      });
      const products = found.slice(0, size);
      const last = products.at(-1);
      const nextPageToken = found.length > size && last !== undefined ? toPageToken([last.productId], scope) : "";
      return { products, nextPageToken };
    },
    delete(request, context) {
      const { workspace } = getService(context.values);
      return put(workspace, { ...parseDeletion(request, now()), product: undefined });
    },
  };
}

function toVersion(product: Product, now: Date, path: string): Version {
  try {
    return { productId: product.productId, ...parseProduct(product, now) };
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(
      error.violations.map(({ field, description }) => ({ field: `${path}.${field}`, description })),
    );
  }
}

function tryParse(product: Product, now: Date, path: string): Version | { readonly error: InvalidInput } {
  try {
    return toVersion(product, now, path);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return { error };
  }
}
