import type { DecisionInput } from "../../gen/intervention/v1/decision_pb.js";
import { type Happened, toReward, toRewardWindowMs } from "../domain/policy/to-reward.ts";
import {
  type DecisionDocument,
  findEvents,
  isByPerson,
  type Store,
  toDecision,
  toDecisionInput,
} from "../store/index.ts";

/** The orders of a user placed in [from, until]. */
export type FindPlaced = (
  workspaceId: string,
  userId: string,
  from: Date,
  until: Date,
) => Promise<readonly { readonly placedAt: Date }[]>;

/** What became of a message whose channel was drawn. */
export type Rewarded = {
  readonly document: DecisionDocument;
  readonly input: DecisionInput;
  readonly chosen: NonNullable<ReturnType<typeof toDecision>["choice"]>;
  /** 0 to 1. */
  readonly reward: number;
};

/** Orders are looked up so many users at a time. */
const ORDERS_TOGETHER = 20;

/** The rewards of decisions of one workspace, as far as is known by now: told by stored events and orders alone, so that reckoning them
 *  again comes to the same, and nothing counts twice. */
export async function findRewards(
  { store, findOrders }: { readonly store: Store; readonly findOrders: FindPlaced },
  workspaceId: string,
  documents: readonly DecisionDocument[],
): Promise<Rewarded[]> {
  const ids = documents.map(({ interventionId }) => interventionId);
  const events = Map.groupBy(
    (await findEvents(store, workspaceId, ids)).filter(isByPerson),
    ({ interventionId }) => interventionId,
  );
  const rewarded: Rewarded[] = [];
  for (let from = 0; from < documents.length; from += ORDERS_TOGETHER)
    rewarded.push(
      ...(await Promise.all(documents.slice(from, from + ORDERS_TOGETHER).map(toRewarded))).flatMap((one) => one ?? []),
    );
  return rewarded;

  async function toRewarded(document: DecisionDocument): Promise<Rewarded | undefined> {
    const input = toDecisionInput(document);
    const { choice: chosen, channel } = toDecision(document);
    if (input === undefined || chosen === undefined) return undefined;
    const { interventionId, userId, decidedAt } = document;
    const happened: Happened[] = [...(events.get(interventionId) ?? [])];
    if ((input.policy?.channelChoice?.reward?.converted ?? 1) > 0) {
      const until = new Date(decidedAt.getTime() + toRewardWindowMs(input.policy));
      const orders = await findOrders(workspaceId, userId, decidedAt, until);
      happened.push(...orders.map(({ placedAt }) => ({ kind: "converted", occurredAt: placedAt })));
    }
    const cost = input.channelCosts.find((one) => one.channel === channel)?.cost;
    return { document, input, chosen, reward: toReward(input.policy, { decidedAt, cost }, happened) };
  }
}
