import { fromBinary } from "@bufbuild/protobuf";
import type { Binary } from "mongodb";
import {
  type Decision,
  type DecisionInput,
  DecisionInputSchema,
  DecisionSchema,
} from "../../gen/intervention/v1/decision_pb.js";
import type { ChannelName } from "../domain/delivery/channel-names.ts";
import type { Store } from "./connect-store.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { type Conflict, insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** One decision, never changed. Its id makes it the only one of its round, whoever decides. */
export type DecisionDocument = {
  /** `{intervention}/{round}`. */
  readonly _id: string;
  readonly workspaceId: string;
  readonly interventionId: string;
  readonly userId: string;
  readonly campaign: string;
  readonly round: number;
  readonly outcome: "send" | "delay" | "suppress" | "expire" | "cancel" | "keep";
  readonly channel?: ChannelName;
  readonly decidedAt: Date;
  /** The segments that the user was in, up to SEGMENTS_COUNTED_MAX: what figures are told apart by. Absent: none. */
  readonly segments?: readonly string[];
  /** When to decide again. */
  readonly notBefore?: Date;
  /** Which of the policy's fallbacks it is of, from 1; absent for none. */
  readonly fallback?: number;
  /** Of a send: when the fallback after it is decided. */
  readonly fallbackAt?: Date;
  /** When it was decided, of a send whose channel was drawn: what is learnt from. */
  readonly chosenAt?: Date;
  /** An experiment was asked; what its variant changed is in the input. */
  readonly inExperiment?: true;
  /** `{workspace}/{user}/{number}`: numbers the sends to one user that a frequency cap was asked about. Two deciders that counted
   *  the same history choose the same number; the unique index lets one of them through, and the other counts again. */
  readonly capSlot?: string;
  /** DecisionInput; absent for a cancellation. */
  readonly input?: Binary;
  /** Decision. */
  readonly decision: Binary;
};

// A partial index has the field it is restricted by among its keys: there are planners that don't see otherwise that it fits.
export const decisionIndexes = [
  // Frequency caps: what was sent to this user lately.
  {
    name: "sends_by_user",
    key: { workspaceId: 1, userId: 1, outcome: 1, decidedAt: -1 },
    partialFilterExpression: { outcome: "send" },
  },
  // Frequency caps: one decider at a time for a user.
  { name: "cap_slot", key: { capSlot: 1 }, unique: true, sparse: true },
  // What waits for its time.
  { name: "delayed", key: { workspaceId: 1, outcome: 1, notBefore: 1 }, partialFilterExpression: { outcome: "delay" } },
  // What was drawn.
  { name: "chosen", key: { workspaceId: 1, chosenAt: 1 }, partialFilterExpression: { chosenAt: { $gt: new Date(0) } } },
  // What is followed by a fallback.
  {
    name: "fallbacks",
    key: { workspaceId: 1, fallbackAt: 1 },
    partialFilterExpression: { fallbackAt: { $gt: new Date(0) } },
  },
] as const satisfies readonly IndexDefinition[];

export const decisionId = (interventionId: string, round: number) => `${interventionId}/${round}`;

export const toDecision = (document: Pick<DecisionDocument, "decision">): Decision =>
  fromBinary(DecisionSchema, document.decision.value());

export const toDecisionInput = (document: Pick<DecisionDocument, "input">): DecisionInput | undefined =>
  document.input === undefined ? undefined : fromBinary(DecisionInputSchema, document.input.value());

/** Rounds looked up at once; hardly any intervention has more than two. */
const ROUNDS_PER_LOOK = 8;
const LOOKS_MAX = 16;

/** Every round of one intervention, in order. By their ids, since a range of ids is no index scan on every server. */
export async function listRounds(
  store: Store,
  workspaceId: string,
  interventionId: string,
): Promise<DecisionDocument[]> {
  const rounds: DecisionDocument[] = [];
  for (let look = 0; look < LOOKS_MAX && rounds.length === look * ROUNDS_PER_LOOK; look += 1) {
    const ids = Array.from({ length: ROUNDS_PER_LOOK }, (_, i) =>
      decisionId(interventionId, look * ROUNDS_PER_LOOK + i),
    );
    rounds.push(...(await findDecisions(store, ids)).filter((round) => round.workspaceId === workspaceId));
  }
  return rounds.sort((a, b) => a.round - b.round);
}

/** The round that says where an intervention stands: the last one that sent it, or else the last. What comes after a send are
 *  fallbacks, which may come to nothing. */
export const toStandingRound = <T extends Pick<DecisionDocument, "outcome">>(rounds: readonly T[]): T | undefined =>
  rounds.findLast(({ outcome }) => outcome === "send") ?? rounds.at(-1);

/** The standing round of each intervention that has one. */
export async function findLatestRounds(
  store: Store,
  workspaceId: string,
  interventionIds: readonly string[],
): Promise<Map<string, DecisionDocument>> {
  const firsts = await findDecisions(
    store,
    interventionIds.map((id) => decisionId(id, 0)),
  );
  const latest = new Map<string, DecisionDocument>();
  for (const first of firsts) {
    if (first.workspaceId !== workspaceId) continue;
    // Only a delay and what a fallback follows have a round after them.
    const last =
      first.outcome === "delay" || first.fallbackAt !== undefined
        ? toStandingRound(await listRounds(store, workspaceId, first.interventionId))
        : first;
    if (last !== undefined) latest.set(first.interventionId, last);
  }
  return latest;
}

/** Those of the decisions that were made. */
export function findDecisions(store: Store, ids: readonly string[]): Promise<DecisionDocument[]> {
  return onStore(() => store.decisions.find({ _id: { $in: [...ids] } }).toArray());
}

/** What a walk through the decisions needs of each. */
export type DecisionOutline = Pick<
  DecisionDocument,
  "_id" | "interventionId" | "outcome" | "channel" | "decidedAt" | "round" | "inExperiment"
>;

/** Those of the decisions that were made, in outline. */
export function findDecisionOutlines(store: Store, ids: readonly string[]): Promise<DecisionOutline[]> {
  const projection = { interventionId: 1, outcome: 1, channel: 1, decidedAt: 1, round: 1, inExperiment: 1 };
  return onStore(() => store.decisions.find({ _id: { $in: [...ids] } }, { projection }).toArray());
}

/** Those of the ids for which a decision was made. */
export async function findDecidedIds(store: Store, ids: readonly string[]): Promise<Set<string>> {
  return new Set((await findDecisionOutlines(store, ids)).map(({ _id }) => _id));
}

/** Records decisions; the first of each round stands. */
export function insertDecisions(store: Store, documents: readonly DecisionDocument[]): Promise<Conflict[]> {
  return insertNew(store.decisions, documents);
}

/** A send that counts for a cap. */
export type PriorSend = Pick<DecisionDocument, "interventionId" | "decidedAt" | "campaign">;

/** The sends in which a cap by campaign looks for its own. */
const SENDS_LOOKED_AT_MAX = 1_000;

/** An intervention is sent once, and once more by each of its fallbacks. */
const SENDS_PER_INTERVENTION_MAX = 5;

/** The newest interventions sent to a user since a time, at most `limit`, newest first. */
export async function listPriorSends(
  store: Store,
  options: {
    readonly workspaceId: string;
    readonly userId: string;
    readonly campaign?: string;
    readonly since: Date;
    readonly limit: number;
  },
): Promise<PriorSend[]> {
  const filter = {
    workspaceId: options.workspaceId,
    userId: options.userId,
    outcome: "send" as const,
    decidedAt: { $gt: options.since },
  };
  const projection = { interventionId: 1, decidedAt: 1, campaign: 1 };
  const limit = options.campaign === undefined ? options.limit * SENDS_PER_INTERVENTION_MAX : SENDS_LOOKED_AT_MAX;
  const sends = await onStore(() =>
    store.decisions.find(filter, { projection }).sort({ decidedAt: -1 }).limit(limit).toArray(),
  );
  const counted = options.campaign === undefined ? sends : sends.filter((one) => one.campaign === options.campaign);
  return [...new Map(counted.map((send) => [send.interventionId, send])).values()].slice(0, options.limit);
}

/** Where the capped sends to one user are numbered. The ids are escaped, so that no user's name runs into another's. */
const toCapPrefix = (workspaceId: string, userId: string) => `${workspaceId}/${encodeURIComponent(userId)}/`;

/** The slot of the n-th capped send to a user. */
export const toCapSlot = (options: {
  readonly workspaceId: string;
  readonly userId: string;
  readonly number: number;
}) => `${toCapPrefix(options.workspaceId, options.userId)}${String(options.number).padStart(9, "0")}`;

/** The highest number given to a capped send of this user; 0 when there is none. */
export async function findLastCapNumber(store: Store, workspaceId: string, userId: string): Promise<number> {
  const prefix = toCapPrefix(workspaceId, userId);
  // ":" is the character after "9".
  const filter = { capSlot: { $gte: prefix, $lt: `${prefix}:` } };
  const [last] = await onStore(() =>
    store.decisions
      .find(filter, { projection: { capSlot: 1 } })
      .sort({ capSlot: -1 })
      .limit(1)
      .toArray(),
  );
  return Number(last?.capSlot?.slice(prefix.length) ?? 0);
}

/** Decisions read together. */
const CHOSEN_PAGE = 500;

type Span = { readonly workspaceId: string; readonly from: Date; readonly until: Date; readonly limit: number };

/** Sends whose fallbacks should have been decided between two times. */
export function listFallbacksDue(store: Store, options: Span): Promise<DecisionDocument[]> {
  const filter = { workspaceId: options.workspaceId, fallbackAt: { $gte: options.from, $lte: options.until } };
  return onStore(() => store.decisions.find(filter).sort({ fallbackAt: 1 }).limit(options.limit).toArray());
}

/** Sends whose channel was drawn in [from, until), in no order, a page after another. */
export async function* listChosen(
  store: Store,
  { workspaceId, from, until }: Omit<Span, "limit">,
): AsyncGenerator<readonly DecisionDocument[]> {
  const cursor = store.decisions.find(
    { workspaceId, chosenAt: { $gte: from, $lt: until } },
    { batchSize: CHOSEN_PAGE },
  );
  try {
    for (;;) {
      if (!(await onStore(() => cursor.hasNext()))) return;
      yield cursor.readBufferedDocuments();
    }
  } finally {
    await cursor.close();
  }
}

/** Delays that should have ended between two times. */
export function listDelaysDue(store: Store, options: Span): Promise<DecisionDocument[]> {
  const filter = {
    workspaceId: options.workspaceId,
    outcome: "delay" as const,
    notBefore: { $gte: options.from, $lte: options.until },
  };
  return onStore(() => store.decisions.find(filter).sort({ notBefore: 1 }).limit(options.limit).toArray());
}
