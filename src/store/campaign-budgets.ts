import type { Store } from "./connect-store.ts";
import { inTransaction } from "./in-transaction.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** What a campaign has used of its budget. */
export type CampaignBudgetDocument = {
  /** `{workspace}/{campaign}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly messages: number;
  readonly micros: number;
};

/** One message that a campaign's budget was granted for: it is counted once, whoever decides it again. */
export type BudgetClaimDocument = {
  /** `decisionId`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly campaignId: string;
  readonly micros: number;
  readonly claimedAt: Date;
};

/** Longer than anything waits to be decided. */
const CLAIM_KEPT_S = 366 * 86_400;

export const campaignBudgetIndexes = [] as const satisfies readonly IndexDefinition[];
export const budgetClaimIndexes = [
  { name: "retention", key: { claimedAt: 1 }, expireAfterSeconds: CLAIM_KEPT_S },
] as const satisfies readonly IndexDefinition[];

type Whose = { readonly workspaceId: string; readonly campaignId: string };
type Used = Pick<CampaignBudgetDocument, "messages" | "micros">;

const budgetId = ({ workspaceId, campaignId }: Whose) => `${workspaceId}/${campaignId}`;

/** What was used before a message, and whether there was enough left for it. */
export type Granted = Used & { readonly isGranted: boolean };

/** Takes what is left of a budget for messages, in order: claims and what is used are written together or not at all, and two that come at
 *  the same time come one after the other. What was granted before stays granted.
 *  @param limits Infinity where there is none.
 *  @throws Unavailable when it may or may not be written; doing it again is safe. */
export async function claimBudget(
  store: Store,
  whose: Whose,
  claims: readonly { readonly id: string; readonly micros: number }[],
  { messagesMax, microsMax, at }: { readonly messagesMax: number; readonly microsMax: number; readonly at: Date },
): Promise<Granted[]> {
  const _id = budgetId(whose);
  // There before the transaction, so that two of them meet at one document.
  if ((await onStore(() => store.campaignBudgets.findOne({ _id }))) === null)
    await insertNew(store.campaignBudgets, [{ _id, workspaceId: whose.workspaceId, messages: 0, micros: 0 }]);
  return inTransaction(store, async (session) => {
    const ids = claims.map(({ id }) => id);
    const before = await store.budgetClaims.find({ _id: { $in: ids } }, { session }).toArray();
    const standing = new Set(before.map((one) => one._id));
    const found = await store.campaignBudgets.findOne({ _id }, { session });
    let used: Used = { messages: found?.messages ?? 0, micros: found?.micros ?? 0 };
    const taken: BudgetClaimDocument[] = [];
    const granted = claims.map(({ id, micros }): Granted => {
      if (standing.has(id)) return { ...used, isGranted: true };
      const answer = { ...used, isGranted: used.messages < messagesMax && used.micros + micros <= microsMax };
      if (answer.isGranted) {
        used = { messages: used.messages + 1, micros: used.micros + micros };
        taken.push({ _id: id, ...whose, micros, claimedAt: at });
      }
      return answer;
    });
    if (taken.length > 0) {
      await store.campaignBudgets.updateOne({ _id }, { $set: used }, { session });
      await store.budgetClaims.insertMany(taken, { session });
    }
    return granted;
  });
}

/** Gives back what was taken for messages that were not sent after all. */
export async function releaseBudget(store: Store, whose: Whose, ids: readonly string[]): Promise<void> {
  const _id = budgetId(whose);
  await inTransaction(store, async (session) => {
    const claims = await store.budgetClaims.find({ _id: { $in: [...ids] } }, { session }).toArray();
    const found = await store.campaignBudgets.findOne({ _id }, { session });
    if (claims.length === 0 || found === null) return;
    const micros = claims.reduce((sum, claim) => sum + claim.micros, 0);
    const used = { messages: found.messages - claims.length, micros: found.micros - micros };
    await store.campaignBudgets.updateOne({ _id }, { $set: used }, { session });
    await store.budgetClaims.deleteMany({ _id: { $in: claims.map((claim) => claim._id) } }, { session });
  });
}

/** What a campaign has used; undefined when it has used nothing. */
export async function findBudgetUse(store: Store, whose: Whose): Promise<Used | undefined> {
  return (await onStore(() => store.campaignBudgets.findOne({ _id: budgetId(whose) }))) ?? undefined;
}
