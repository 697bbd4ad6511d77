import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Product } from "../../gen/intervention/v1/catalog_pb.js";
import { PolicySchema, Priority, RecipientSchema } from "../../gen/intervention/v1/intervention_pb.js";
import { toFanOut } from "../accept/to-fan-out.ts";
import { toNewsContent } from "../domain/catalog/news-content.ts";
import { toNewsTemplate } from "../domain/catalog/news-template.ts";
import { findOfferNews, type Offer, toOffer, toProductTopic } from "../domain/catalog/offer.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { insertFanOuts, isFollowed, listTopicRules, type Store } from "../store/index.ts";

/** A version of a product that stands, and what was there before it. */
export type ProductChange = {
  readonly product: Product;
  /** Tells it from every other version. */
  readonly version: string;
  readonly before: Offer | undefined;
};

const TTL_MS_DEFAULT = 86_400_000;

/** Tells followers what has become of products, where the workspace has said with what. A change that is brought again raises
 *  nothing again: the fan-out's key is made of the product and its version.
 *  @returns how many topics were raised anew. */
export async function raiseTopics(
  { store, now }: { readonly store: Store; readonly now: () => Date },
  workspace: Workspace,
  changes: readonly ProductChange[],
): Promise<number> {
  const news = changes.flatMap((change) =>
    findOfferNews(change.before, toOffer(change.product)).map((kind) => ({ ...change, kind })),
  );
  if (news.length === 0) return 0;
  const rules = await listTopicRules(store, workspace.id);
  const at = now();
  let raised = 0;
  for (const { kind, product, version } of news) {
    const rule = rules.get(kind);
    const topic = toProductTopic(product.productId, kind);
    if (rule === undefined || !(await isFollowed(store, workspace.id, topic))) continue;
    const trigger = {
      idempotencyKey: `catalog:${kind}:${version}:${product.productId}`,
      recipient: create(RecipientSchema),
      ...(rule.template === undefined
        ? { content: toNewsContent(kind, product, rule.content) }
        : toNewsTemplate(product, rule.template)),
      campaign: rule.campaign,
      priority: Priority.LOW,
      policy: rule.policy ?? create(PolicySchema),
      expiration: { kind: "after", ttlMs: rule.ttl === undefined ? TTL_MS_DEFAULT : durationMs(rule.ttl) } as const,
    };
    const fanOut = toFanOut({ workspace, topic, trigger, now: at });
    if ((await insertFanOuts(store, [fanOut])).size === 0) raised += 1;
  }
  return raised;
}
