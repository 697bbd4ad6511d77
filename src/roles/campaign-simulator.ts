import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Campaign } from "../../gen/intervention/v1/campaign_pb.js";
import {
  ChannelCostSchema,
  type DecisionInput,
  DecisionInputSchema,
  SuppressedAddressSchema,
} from "../../gen/intervention/v1/decision_pb.js";
import { ProfileSnapshotSchema } from "../../gen/intervention/v1/profile_pb.js";
import type { Simulation } from "../../gen/intervention/v1/simulation_pb.js";
import { type RecordedSend, simulateUser } from "../domain/campaign/simulate-user.ts";
import { type CompiledCondition, compileCondition } from "../domain/condition/compile-condition.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { listPriorSends } from "../store/index.ts";
import type { DecideOptions } from "./decide.ts";
import { type LoadedProfile, ProfileLoader } from "./profile-loader.ts";
import { type RecordedUser, streamRecords } from "./recorded-triggers.ts";
import { SimulationSum } from "./simulation-sum.ts";
import { loadSuppressed } from "./suppressed.ts";
import { toAsked } from "./to-asked.ts";
import { toOutsideWanted } from "./to-outside-wanted.ts";

/** What simulating stands on: what deciding does, and nothing to act by. */
export type CampaignSimulatorOptions = Pick<DecideOptions, "store" | "access" | "costOf" | "isProvided"> & {
  /** Of workspaces that have none. */
  readonly defaultTimeZone: string;
  readonly now: () => Date;
};

/** What to simulate. */
export type SimulateRequest = {
  readonly campaign: Campaign;
  readonly days: number;
  readonly sampleSize: number;
  readonly assumeOnline: boolean;
};

const DAY_MS = 86_400_000;
/** An answer is waited for: what was not looked at by then is left out, and the answer says so. */
const MS_MAX = 20_000;
const SENDS_MAX = 500;

/** Tells what a campaign would have done, by the rules that decide. Nothing is sent or stored. */
export class CampaignSimulator {
  readonly #options: CampaignSimulatorOptions;

  constructor(options: CampaignSimulatorOptions) {
    this.#options = options;
  }

  /** @throws Unavailable when the store does not answer. */
  async run(workspace: Workspace, request: SimulateRequest): Promise<Simulation> {
    const { store, now, costOf } = this.#options;
    const { campaign, days, sampleSize } = request;
    const until = now();
    const from = new Date(until.getTime() - days * DAY_MS);
    const condition = campaign.condition === undefined ? undefined : compileCondition(campaign.condition);
    const sum = new SimulationSum({ from, until, sampleSize, costOf: (channel) => costOf(workspace.id, channel) });
    const records = streamRecords(store, { workspaceId: workspace.id, campaign, condition, from, until });
    for await (const { users, isLast } of records) {
      await this.#addAll(workspace, request, { users, condition, sum, from, until });
      const isLate = now().getTime() - until.getTime() > MS_MAX;
      if (isLast) sum.isComplete = isLast === "all";
      if (isLate) break;
    }
    return sum.toSimulation();
  }

  async #addAll(
    workspace: Workspace,
    { campaign, assumeOnline }: SimulateRequest,
    given: {
      readonly users: readonly RecordedUser[];
      readonly condition: CompiledCondition | undefined;
      readonly sum: SimulationSum;
      readonly from: Date;
      readonly until: Date;
    },
  ): Promise<void> {
    const { store, defaultTimeZone } = this.#options;
    const { users, condition, sum, from, until } = given;
    const who = users.map(({ userId }) => ({ workspaceId: workspace.id, userId }));
    const find = await new ProfileLoader({ store, dataIntelligence: undefined }).load(who);
    const profiles = new Map(who.map((one) => [one.userId, find(one)]));
    const askedOf = (profile: LoadedProfile) => toAsked({ workspace: workspace.id, policy: campaign.policy }, profile);
    const findSuppressed = await loadSuppressed(this.#options, [...profiles.values()].map(askedOf));
    for (const { userId, triggers } of users) {
      const profile = profiles.get(userId);
      if (profile === undefined) continue;
      const known = this.#toKnown(workspace, campaign, { userId, profile, assumeOnline });
      known.suppressedAddresses = findSuppressed(askedOf(profile)).map((one) => create(SuppressedAddressSchema, one));
      const timeZone = profile.snapshot.timeZone || workspace.defaultTimeZone || defaultTimeZone;
      const sends = await this.#findSends(workspace.id, campaign, { profile, from });
      const options = { condition, known, timeZone, sends, untilMs: until.getTime() };
      sum.add(userId, triggers.length, simulateUser(campaign, triggers, options));
    }
  }

  #toKnown(
    workspace: Workspace,
    { policy }: Campaign,
    { userId, profile, assumeOnline }: { userId: string; profile: LoadedProfile; assumeOnline: boolean },
  ): DecisionInput {
    const { costOf, defaultTimeZone, isProvided } = this.#options;
    const { snapshot, contacts } = profile;
    const outside = toOutsideWanted({ policy });
    const more = { addresses: contacts.addresses, consents: [...snapshot.consents, ...contacts.consents] };
    return create(DecisionInputSchema, {
      ...{ workspace: workspace.id, recipient: { userId }, hasLiveSocket: assumeOnline },
      profile: outside.length === 0 ? snapshot : create(ProfileSnapshotSchema, { ...snapshot, ...more }),
      providedChannels: outside.filter((channel) => isProvided(workspace.id, channel)),
      defaultTimeZone: workspace.defaultTimeZone ?? defaultTimeZone,
      channelCosts: outside.flatMap((channel) => {
        const cost = costOf(workspace.id, channel);
        if (cost === undefined) return [];
        const { currency, micros } = cost;
        return create(ChannelCostSchema, { channel, cost: { currency, micros: BigInt(micros) } });
      }),
    });
  }

  /** What others sent the user: what the campaign itself did, if it ran, is what is told anew. */
  async #findSends(
    workspaceId: string,
    { campaignId, policy }: Campaign,
    { profile, from }: { readonly profile: LoadedProfile; readonly from: Date },
  ): Promise<RecordedSend[]> {
    const window = policy?.frequencyCap?.window;
    if (window === undefined) return [];
    const since = new Date(from.getTime() - durationMs(window));
    const found = await Promise.all(
      profile.userIds.map((userId) =>
        listPriorSends(this.#options.store, { workspaceId, userId, since, limit: SENDS_MAX }),
      ),
    );
    return found.flat().filter(({ campaign }) => campaignId === "" || campaign !== campaignId);
  }
}
