import { create } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Decision, Outcome, Rule } from "../../gen/intervention/v1/decision_pb.js";
import type { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import {
  type SimulatedMessage,
  SimulatedMessageSchema,
  type Simulation,
  SimulationSchema,
} from "../../gen/intervention/v1/simulation_pb.js";
import type { SimulatedMessage as Message, SimulatedUser } from "../domain/campaign/simulate-user.ts";

type Money = { readonly currency: string; readonly micros: number };
type SumOptions = {
  readonly from: Date;
  readonly until: Date;
  readonly sampleSize: number;
  readonly costOf: (channel: Channel) => Money | undefined;
};
type Group = {
  readonly outcome: Outcome;
  readonly rule: Rule;
  readonly channel: Channel;
  readonly cost: Money | undefined;
  count: number;
  readonly users: Set<string>;
};

/** Sums up what a campaign would have done with one user after the other. */
export class SimulationSum {
  /** Whether everybody was looked at. */
  isComplete = false;
  readonly #options: SumOptions;
  readonly #counts = { users: 0, triggers: 0, conditionNotMet: 0, merged: 0, notAgainYet: 0, waiting: 0 };
  readonly #groups = new Map<string, Group>();
  readonly #sample: SimulatedMessage[] = [];

  constructor(options: SumOptions) {
    this.#options = options;
  }

  add(userId: string, triggers: number, simulated: SimulatedUser): void {
    this.#counts.users += 1;
    this.#counts.triggers += triggers;
    this.#counts.conditionNotMet += simulated.conditionNotMet;
    this.#counts.merged += simulated.merged;
    this.#counts.notAgainYet += simulated.notAgainYet;
    this.#counts.waiting += simulated.waiting;
    for (const message of simulated.messages) this.#addMessage(userId, message);
  }

  #addMessage(userId: string, { trigger, decision }: Message): void {
    const isSent = decision.outcome === Outcome.SEND;
    const cost = isSent ? this.#options.costOf(decision.channel) : undefined;
    const rule = isSent ? Rule.UNSPECIFIED : findStopper(decision);
    const key = `${decision.outcome}/${rule}/${decision.channel}`;
    const { outcome, channel } = decision;
    const group = this.#groups.get(key) ?? { outcome, rule, channel, cost, count: 0, users: new Set<string>() };
    group.count += 1;
    group.users.add(userId);
    this.#groups.set(key, group);
    if (this.#sample.length >= this.#options.sampleSize) return;
    const money = cost === undefined ? {} : { cost: { currency: cost.currency, micros: BigInt(cost.micros) } };
    const said = { userId, triggerId: trigger.id, triggerTime: timestampFromMs(trigger.atMs), decision };
    this.#sample.push(create(SimulatedMessageSchema, { ...said, ...money }));
  }

  toSimulation(): Simulation {
    const { from, until } = this.#options;
    const counts = this.#counts;
    const groups = [...this.#groups.values()].sort((a, b) => b.count - a.count);
    return create(SimulationSchema, {
      ...{ fromTime: timestampFromDate(from), untilTime: timestampFromDate(until), isComplete: this.isComplete },
      ...{ userCount: BigInt(counts.users), triggerCount: BigInt(counts.triggers) },
      ...{ conditionNotMetCount: BigInt(counts.conditionNotMet), mergedCount: BigInt(counts.merged) },
      ...{ notAgainYetCount: BigInt(counts.notAgainYet), waitingCount: BigInt(counts.waiting), sample: this.#sample },
      outcomes: groups.map(({ outcome, rule, channel, count, users, cost }) => ({
        ...{ outcome, rule, channel, count: BigInt(count), userCount: BigInt(users.size) },
        ...(cost === undefined ? {} : { cost: { currency: cost.currency, micros: BigInt(cost.micros * count) } }),
      })),
    });
  }
}

const findStopper = ({ verdicts }: Decision): Rule => verdicts.at(-1)?.rule ?? Rule.UNSPECIFIED;
