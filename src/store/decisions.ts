import { fromBinary } from "@bufbuild/protobuf";
import { Binary, type Filter } from "mongodb";
import { type Decision, DecisionInputSchema, DecisionSchema, type DecisionInput } from "../../gen/intervention/v1/decision_pb.js";
import { DELIVERY_RANK, type DeliveryState } from "../domain/delivery.ts";
import { type IndexDefinition, onStore, type Store } from "./connect-store.ts";
import { type Conflict, insertNew } from "./insert-new.ts";

/** The message a decision led to. */
export type Delivery = {
  readonly state: DeliveryState;
  readonly rank: number;
  readonly since: Date;
  readonly expireAt?: Date;
  /** Whether it was put into the inbox after no device had acknowledged it. */
  readonly wasInboxed?: boolean;
};

/** One decision, and its delivery when there is one. Its id makes it the only one of its round, whoever decides. */
export type DecisionDocument = {
  /** `{intervention}/{round}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly interventionId: string;
  readonly userId: string;
  readonly campaign: string;
  readonly round: number;
  readonly outcome: "send" | "delay" | "suppress" | "expire" | "cancel";
  readonly channel?: "realtime" | "inbox";
  readonly decidedAt: Date;
  /** When to decide again. */
  readonly notBefore?: Date;
  /** Numbers the sends to one user that a frequency cap was asked about. Two deciders that counted the same history choose the
   *  same number; the unique index lets one of them through, and the other counts again. */
  readonly capSequence?: number;
  /** DecisionInput; absent for a cancellation. */
  readonly input?: Binary;
  /** Decision. */
  readonly decision: Binary;
  readonly delivery?: Delivery;
};

export const decisionIndexes = [
  // Frequency caps: what was sent to this user lately.
  { name: "sends_by_user", key: { workspaceId: 1, userId: 1, decidedAt: -1 }, partialFilterExpression: { outcome: "send" } },
  // Frequency caps: one decider at a time for a user.
  { name: "cap_sequence", key: { workspaceId: 1, userId: 1, capSequence: -1 }, unique: true, partialFilterExpression: { capSequence: { $exists: true } } },
  // What nobody acknowledged.
  { name: "undelivered", key: { workspaceId: 1, "delivery.since": 1 }, partialFilterExpression: { "delivery.state": "sent" } },
  // What waits for its time.
  { name: "delayed", key: { workspaceId: 1, notBefore: 1 }, partialFilterExpression: { outcome: "delay" } },
] as const satisfies readonly IndexDefinition[];

export const decisionId = (interventionId: string, round: number) => `${interventionId}/${round}`;

export const toDecision = (document: Pick<DecisionDocument, "decision">): Decision => fromBinary(DecisionSchema, document.decision.value());

export const toDecisionInput = (document: Pick<DecisionDocument, "input">): DecisionInput | undefined =>
  document.input === undefined ? undefined : fromBinary(DecisionInputSchema, document.input.value());

/** Every round of one intervention, in order. */
export function listRounds(store: Store, workspaceId: string, interventionId: string): Promise<DecisionDocument[]> {
  // "0" is the character after "/": the range holds the ids that begin with `{intervention}/`.
  return onStore(async () => {
    const rounds = await store.decisions.find({ _id: { $gte: `${interventionId}/`, $lt: `${interventionId}0` }, workspaceId }).toArray();
    return rounds.sort((a, b) => a.round - b.round);
  });
}

/** The latest round of each intervention that has one. */
export async function findLatestRounds(store: Store, workspaceId: string, interventionIds: readonly string[]): Promise<Map<string, DecisionDocument>> {
  const firsts = await findDecisions(store, interventionIds.map((id) => decisionId(id, 0)));
  const latest = new Map<string, DecisionDocument>();
  for (const first of firsts) {
    if (first.workspaceId !== workspaceId) continue;
    // Only a delay has a round after it.
    const last = first.outcome === "delay" ? (await listRounds(store, workspaceId, first.interventionId)).at(-1) : first;
    if (last !== undefined) latest.set(first.interventionId, last);
  }
  return latest;
}

/** Those of the decisions that were made. */
export function findDecisions(store: Store, ids: readonly string[]): Promise<DecisionDocument[]> {
  return onStore(() => store.decisions.find({ _id: { $in: [...ids] } }).toArray());
}

/** Those of the ids for which a decision was made. */
export async function findDecidedIds(store: Store, ids: readonly string[]): Promise<Set<string>> {
  const found = await onStore(() => store.decisions.find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } }).toArray());
  return new Set(found.map(({ _id }) => _id));
}

/** Records decisions; the first of each round stands. */
export function insertDecisions(store: Store, documents: readonly DecisionDocument[]): Promise<Conflict[]> {
  return insertNew(store.decisions, documents);
}

/** A send that counts for a cap. */
export type PriorSend = Pick<DecisionDocument, "interventionId" | "decidedAt">;

/** The newest sends to a user since a time, at most `limit`, newest first. */
export function listPriorSends(
  store: Store,
  options: { readonly workspaceId: string; readonly userId: string; readonly campaign?: string; readonly since: Date; readonly limit: number },
): Promise<PriorSend[]> {
  const filter: Filter<DecisionDocument> = {
    workspaceId: options.workspaceId,
    userId: options.userId,
    outcome: "send",
    decidedAt: { $gt: options.since },
    ...(options.campaign === undefined ? {} : { campaign: options.campaign }),
  };
  return onStore(() => store.decisions.find(filter, { projection: { interventionId: 1, decidedAt: 1 } }).sort({ decidedAt: -1 }).limit(options.limit).toArray());
}

/** The highest number given to a capped send of this user; 0 when there is none. */
export async function findLastCapSequence(store: Store, workspaceId: string, userId: string): Promise<number> {
  const [last] = await onStore(() =>
    store.decisions
      .find({ workspaceId, userId, capSequence: { $exists: true } }, { projection: { capSequence: 1 } })
      .sort({ capSequence: -1 })
      .limit(1)
      .toArray(),
  );
  return last?.capSequence ?? 0;
}

/** Sends that no device has acknowledged since a time, oldest first. */
export function listUndelivered(store: Store, options: { readonly workspaceId: string; readonly sentBefore: Date; readonly limit: number }): Promise<DecisionDocument[]> {
  return onStore(() =>
    store.decisions
      .find({ workspaceId: options.workspaceId, "delivery.state": "sent", "delivery.since": { $lt: options.sentBefore } })
      .sort({ "delivery.since": 1 })
      .limit(options.limit)
      .toArray(),
  );
}

/** Delays that should have ended between two times, oldest first. */
export function listDelaysDue(store: Store, options: { readonly workspaceId: string; readonly from: Date; readonly until: Date; readonly limit: number }): Promise<DecisionDocument[]> {
  return onStore(() =>
    store.decisions
      .find({ workspaceId: options.workspaceId, outcome: "delay", notBefore: { $gte: options.from, $lte: options.until } })
      .sort({ notBefore: 1 })
      .limit(options.limit)
      .toArray(),
  );
}

/** A step of one delivery. */
export type DeliveryStep = { readonly decisionId: string; readonly workspaceId: string; readonly state: DeliveryState; readonly at: Date };

/** Moves deliveries on; those that are as far already stay. */
export async function advanceDeliveries(store: Store, steps: readonly DeliveryStep[]): Promise<void> {
  if (steps.length === 0) return;
  await onStore(() =>
    store.decisions.bulkWrite(
      steps.map((step) => ({
        updateOne: {
          filter: { _id: step.decisionId, workspaceId: step.workspaceId, "delivery.rank": { $lt: DELIVERY_RANK[step.state] } },
          update: toDeliveryUpdate(step),
        },
      })),
      { ordered: false },
    ),
  );
}

/** How far the deliveries of these decisions have come. */
export function findDeliveries(store: Store, ids: readonly string[]): Promise<Pick<DecisionDocument, "_id" | "interventionId" | "workspaceId" | "userId" | "outcome" | "delivery">[]> {
  const projection = { interventionId: 1, workspaceId: 1, userId: 1, outcome: 1, delivery: 1 };
  return onStore(() => store.decisions.find({ _id: { $in: [...ids] } }, { projection }).toArray());
}

/** Moves one delivery on from exactly one state.
 *  @returns whether it was in that state. */
export async function claimDelivery(store: Store, step: DeliveryStep & { readonly from: DeliveryState }): Promise<boolean> {
  const result = await onStore(() =>
    store.decisions.updateOne({ _id: step.decisionId, workspaceId: step.workspaceId, "delivery.state": step.from }, toDeliveryUpdate(step)),
  );
  return result.modifiedCount === 1;
}

const toDeliveryUpdate = ({ state, at }: DeliveryStep) => ({
  $set: { "delivery.state": state, "delivery.rank": DELIVERY_RANK[state], "delivery.since": at, ...(state === "inboxed" ? { "delivery.wasInboxed": true } : {}) },
});
