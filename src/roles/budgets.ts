import { create } from "@bufbuild/protobuf";
import {
  BudgetStateSchema,
  type Decision,
  type DecisionInput,
  Outcome,
} from "../../gen/intervention/v1/decision_pb.js";
import { decide } from "../domain/decision/decide.ts";
import { toCostTimes } from "../domain/delivery/message-cost.ts";
import { claimBudget, decisionId, releaseBudget } from "../store/index.ts";
import type { DecideOptions, ToDecide } from "./decide.ts";
import type { Standing } from "./decision-maker.ts";

type Parts = Pick<DecideOptions, "store" | "campaigns" | "costOf">;

/** A decision that is not kept yet, and what it was made on. */
export type Drafted = {
  readonly work: ToDecide;
  readonly input: DecisionInput;
  /** The id that his other ids were merged into. */
  readonly userId: string;
  decision: Decision;
};

const toWhose = ({ message }: ToDecide) => ({
  workspaceId: message.workspace,
  campaignId: message.trigger?.campaign ?? "",
});

const idOf = ({ message }: ToDecide) => decisionId(message.interventionId, message.round);

/** Those of which a campaign asked for, by campaign, as far as these have budgets. */
async function groupByBudget<T extends { readonly work: ToDecide }>({ campaigns }: Parts, all: readonly T[]) {
  const asked = all.filter(({ work }) => work.message.trigger !== undefined);
  const groups = [...Map.groupBy(asked, ({ work }) => JSON.stringify(toWhose(work))).values()];
  const found = await Promise.all(
    groups.map(async (its) => {
      const [first] = its;
      const whose = first === undefined ? undefined : toWhose(first.work);
      const rules = whose && (await campaigns.findRules(whose.workspaceId, whose.campaignId));
      return whose === undefined || rules?.budget === undefined ? [] : [{ whose, budget: rules.budget, its }];
    }),
  );
  return found.flat();
}

/** Takes from budgets what is about to be sent needs, and decides again what a budget has not enough left for. Costs nothing to whom no
 *  budget is. */
export async function spendBudgets(parts: Parts, drafts: readonly Drafted[], now: Date): Promise<void> {
  const sends = drafts.filter(({ decision }) => decision.outcome === Outcome.SEND);
  for (const { whose, budget, its } of await groupByBudget(parts, sends)) {
    const toMicros = ({ work, input, decision: { channel } }: Drafted) => {
      const cost = parts.costOf(whose.workspaceId, channel);
      if (cost === undefined || cost.currency !== budget.costMax?.currency) return 0;
      return cost.micros * toCostTimes(channel, work.message, input.template);
    };
    const claims = its.map((one) => ({ id: idOf(one.work), micros: toMicros(one) }));
    const granted = await claimBudget(parts.store, whose, claims, {
      messagesMax: budget.messagesMax === 0n ? Number.POSITIVE_INFINITY : Number(budget.messagesMax),
      microsMax: budget.costMax === undefined ? Number.POSITIVE_INFINITY : Number(budget.costMax.micros),
      at: now,
    });
    for (const [index, one] of its.entries()) {
      const { isGranted = false, messages = 0, micros = 0 } = granted[index] ?? {};
      const used = { messages: BigInt(messages), micros: BigInt(micros) };
      const messageMicros = BigInt(claims[index]?.micros ?? 0);
      one.input.budget = create(BudgetStateSchema, { isGranted, ...used, messageMicros, budget });
      one.decision = decide(one.input);
    }
  }
}

/** Gives back what was taken for those that were not sent after all: a cap came first, or another decider decided otherwise. */
export async function returnBudgets(
  parts: Parts,
  standing: readonly Standing[],
  drafted: ReadonlySet<string>,
): Promise<void> {
  const unsent = standing.filter(
    ({ document, isNew }) => document.outcome !== "send" && (!isNew || drafted.has(document._id)),
  );
  for (const { whose, its } of await groupByBudget(parts, unsent))
    await releaseBudget(
      parts.store,
      whose,
      its.map(({ document }) => document._id),
    );
}
