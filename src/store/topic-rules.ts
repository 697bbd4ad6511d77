import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type TopicRule, TopicRuleSchema } from "../../gen/intervention/v1/topic_service_pb.js";
import type { OfferNews } from "../domain/catalog/offer.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { onStore } from "./on-store.ts";

/** With what the catalogue's own topics of a kind are raised. */
export type TopicRuleDocument = {
  /** `{workspace}/{kind}`. */
  readonly _id: string;
  readonly workspaceId: string;
  /** TopicRule. */
  readonly rule: Binary;
};

export const topicRuleIndexes = [] as const satisfies readonly IndexDefinition[];

const KINDS: readonly OfferNews[] = ["back_in_stock", "price_drop"];
const toId = (workspaceId: string, kind: OfferNews) => `${workspaceId}/${kind}`;

/** Puts a rule in the place of the one of its kind. */
export async function putTopicRule(
  store: Store,
  { workspaceId, kind, rule }: { readonly workspaceId: string; readonly kind: OfferNews; readonly rule: TopicRule },
): Promise<void> {
  const _id = toId(workspaceId, kind);
  const document = { workspaceId, rule: new Binary(toBinary(TopicRuleSchema, rule)) };
  await onStore(() => store.topicRules.replaceOne({ _id }, document, { upsert: true }));
}

/** The rules of a workspace, by kind. */
export async function listTopicRules(store: Store, workspaceId: string): Promise<Map<OfferNews, TopicRule>> {
  const ids = KINDS.map((kind) => toId(workspaceId, kind));
  const found = await onStore(() => store.topicRules.find({ _id: { $in: ids } }).toArray());
  const byId = new Map(found.map(({ _id, rule }) => [_id, fromBinary(TopicRuleSchema, rule.value())]));
  return new Map(
    KINDS.flatMap((kind) => {
      const rule = byId.get(toId(workspaceId, kind));
      return rule === undefined ? [] : [[kind, rule] as const];
    }),
  );
}

export async function deleteTopicRule(store: Store, workspaceId: string, kind: OfferNews): Promise<void> {
  await onStore(() => store.topicRules.deleteOne({ _id: toId(workspaceId, kind) }));
}
