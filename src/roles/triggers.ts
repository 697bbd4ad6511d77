import { create } from "@bufbuild/protobuf";
import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { BurstMessage } from "../../gen/intervention/v1/bus_pb.js";
import {
  type MembershipChange,
  type TriggerSource,
  TriggerSourceSchema,
} from "../../gen/intervention/v1/campaign_pb.js";
import { type Context, ContextSchema, type Prediction, type ShopEvent } from "../../gen/intervention/v1/shopper_pb.js";
import type { Acceptor } from "../accept/acceptor.ts";
import type { Bus } from "../bus/index.ts";
import type { Facts } from "../domain/condition/compile-condition.ts";
import type { ProfileFacts } from "../domain/condition/field.ts";
import { KeyReused, OverLimit, Unavailable } from "../domain/errors.ts";
import { toExpiry } from "../domain/prediction/to-expiry.ts";
import type { AccessDirectory, Workspace } from "../integrations/access-directory.ts";
import type { CampaignDirectory, LiveCampaign, Occasion } from "../integrations/campaign-directory.ts";
import { claimEntry, findNewestPrediction, type Store, settleEntry } from "../store/index.ts";
import { type Arming, Debouncer } from "./debounce.ts";
import { Digests, withDigest } from "./digests.ts";
import { JourneyDoor } from "./journeys.ts";
import type { SegmentChange } from "./segment-members.ts";
import { toCampaignTrigger, toTriggerKey } from "./to-campaign-trigger.ts";
import { toMembershipHappening, toMembershipOccasion } from "./to-membership-happening.ts";

/** What is known of shoppers beside what triggers. Asked only when a campaign's condition looks at it. */
export type ShopperFacts = {
  readonly findContext: (workspaceId: string, userId: string) => Promise<Context | undefined>;
  readonly findProfile: (workspaceId: string, userId: string) => Promise<ProfileFacts | undefined>;
};

/** The part of the engine's metrics that is written here. */
export type TriggersMetrics = {
  readonly triggers: { readonly inc: (labels: { readonly result: TriggerResult }) => void };
};
type TriggerResult =
  | "accepted"
  | "repeated"
  | "condition_not_met"
  | "not_again_yet"
  | "debounced"
  | "digested"
  | "not_live";

/** What matching stands on. */
export type TriggersOptions = {
  readonly acceptor: Pick<Acceptor, "accept">;
  readonly campaigns: CampaignDirectory;
  readonly access: Pick<AccessDirectory, "findWorkspace">;
  readonly store: Store;
  readonly bus: Bus;
  readonly metrics: TriggersMetrics;
  readonly facts: ShopperFacts;
  /** Of users whose own is not known. Default: UTC. */
  readonly defaultTimeZone?: string;
  readonly now: () => Date;
};

/** Something that campaigns may wait for. */
export type Happening = {
  readonly workspaceId: string;
  readonly userId: string;
  /** `prediction/{id}`, `event/{id}` or `membership/{segment}/{number}/{user}`. */
  readonly id: string;
  readonly at: Date;
  readonly occasion: Occasion;
  readonly prediction?: Prediction;
  readonly event?: ShopEvent;
  readonly membership?: MembershipChange;
  readonly context?: Context;
};

/** Makes interventions of what happens to shoppers: each running campaign that waits for it, and whose condition is true, asks for
 *  one. Everything here may be done again: an intervention's key is made of the campaign and of what triggered it. */
export class Triggers {
  readonly #options: TriggersOptions;
  readonly #debouncer: Debouncer;
  readonly #digests: Digests;
  readonly #journeys: JourneyDoor;

  constructor(options: TriggersOptions) {
    this.#options = options;
    this.#debouncer = new Debouncer(options);
    this.#journeys = new JourneyDoor(options);
    const { defaultTimeZone = "UTC", facts } = options;
    this.#digests = new Digests({
      ...options,
      findTimeZone: async (workspaceId, userId) =>
        (await facts.findProfile(workspaceId, userId))?.timeZone ?? defaultTimeZone,
    });
  }

  /** Returns when every intervention that the predictions lead to is on disk, and so is what is debounced.
   *  @returns the interventions' ids, for each prediction.
   *  @throws Unavailable when some may not be; trying again is safe. */
  onPredictions(
    accepted: readonly { readonly workspace: string; readonly prediction: Prediction }[],
  ): Promise<string[][]> {
    return this.#onAll(
      accepted.map(({ workspace, prediction }) => ({
        workspaceId: workspace,
        userId: prediction.userId,
        id: `prediction/${prediction.predictionId}`,
        at: prediction.predictTime === undefined ? this.#options.now() : timestampDate(prediction.predictTime),
        occasion: { case: "prediction", value: prediction.kind },
        prediction,
      })),
    );
  }

  /** The same for events, each with the context that it made.
   *  @throws Unavailable when something may not be on disk; trying again is safe. */
  async onEvents(
    applied: readonly { readonly workspace: string; readonly event: ShopEvent; readonly context: Context }[],
  ): Promise<void> {
    await this.#onAll(
      applied.map(({ workspace, event, context }) => ({
        workspaceId: workspace,
        userId: event.userId,
        id: `event/${event.eventId}`,
        at: event.occurTime === undefined ? this.#options.now() : timestampDate(event.occurTime),
        occasion: { case: "event", value: event.kind },
        event,
        context,
      })),
    );
  }

  /** The same for who came into segments and left them.
   *  @throws Unavailable when something may not be on disk; trying again is safe. */
  async onSegmentChanges(changes: readonly SegmentChange[]): Promise<void> {
    const at = this.#options.now();
    await this.#onAll(changes.map((change) => toMembershipHappening(change, at)));
  }

  /** Decides a burst that has calmed down, on what is known now.
   *  @throws Unavailable when something may not be on disk; trying again is safe. */
  async onCalm(burst: BurstMessage): Promise<void> {
    if (burst.digestWindow !== "") {
      await this.#closeDigest(burst);
      return;
    }
    const { campaigns, metrics, now, store } = this.#options;
    const { workspace: workspaceId, campaign: campaignId, userId, last, lastTime } = burst;
    const live = campaigns.findLive(workspaceId, campaignId, now());
    const workspace = this.#options.access.findWorkspace(workspaceId);
    const at = lastTime === undefined ? now() : timestampDate(lastTime);
    if (live === undefined || workspace === undefined || last === undefined)
      metrics.triggers.inc({ result: "not_live" });
    else {
      const happening = await this.#toNewest(last, { workspaceId, userId, at });
      if (happening !== undefined) {
        const source = await this.#ask(live, happening);
        if (source !== undefined)
          await this.#enter(workspace, live, happening, { source, by: `burst/${burst.firstId}` });
      }
    }
    await settleEntry(store, { workspaceId, campaignId, userId }, at);
  }

  /** Makes one intervention of what a digest has collected. Its key is the window's, and what is in the window is fixed, so that doing
   *  it again asks for the same. */
  async #closeDigest(burst: BurstMessage): Promise<void> {
    const { access, campaigns, metrics, now } = this.#options;
    const { workspace: workspaceId, campaign: campaignId, userId } = burst;
    const live = campaigns.findLive(workspaceId, campaignId, now());
    const workspace = access.findWorkspace(workspaceId);
    const closed = await this.#digests.close(burst);
    const source = closed?.sources.at(-1);
    if (live === undefined || workspace === undefined) metrics.triggers.inc({ result: "not_live" });
    else if (closed !== undefined && source !== undefined) {
      const digested = { ...live, campaign: withDigest(live.campaign, closed.sources) };
      await this.#enter(workspace, digested, { userId }, { source, by: `digest/${userId}/${closed.windowId}` });
    }
    await this.#digests.finish(burst, live?.campaign);
  }

  async #onAll(happenings: readonly Happening[]): Promise<string[][]> {
    const { campaigns, now } = this.#options;
    const bursts: Arming[] = [];
    const digested: Arming[] = [];
    const matched = happenings.map(async (happening) => {
      const waiting = campaigns.listLive(happening.workspaceId, happening.occasion, now());
      if (waiting.length === 0) return [];
      const workspace = this.#options.access.findWorkspace(happening.workspaceId);
      if (workspace === undefined) return [];
      const ids = await Promise.all(
        waiting.map(async (live) => {
          const source = await this.#ask(live, happening);
          if (source === undefined) return undefined;
          if (live.campaign.digest !== undefined) {
            digested.push({ live, happening, source });
            this.#options.metrics.triggers.inc({ result: "digested" });
            return undefined;
          }
          if (live.campaign.debounce === undefined)
            return this.#enter(workspace, live, happening, { source, by: happening.id });
          bursts.push({ live, happening, source });
          this.#options.metrics.triggers.inc({ result: "debounced" });
          return undefined;
        }),
      );
      return ids.filter((id) => id !== undefined);
    });
    const ids = await Promise.all(matched);
    await Promise.all([this.#debouncer.arm(bursts), this.#digests.collect(digested)]);
    return ids;
  }

  /** @returns what to record of why, when the campaign's condition is true. */
  async #ask({ condition, campaign }: LiveCampaign, happening: Happening): Promise<TriggerSource | undefined> {
    const { facts, metrics, now } = this.#options;
    const { workspaceId, userId, prediction, event, membership } = happening;
    const wants = (root: "context" | "profile") => condition?.roots.has(root) === true;
    const [context, profile] = await Promise.all([
      happening.context ?? (wants("context") ? facts.findContext(workspaceId, userId) : undefined),
      wants("profile") ? facts.findProfile(workspaceId, userId) : undefined,
    ]);
    const known: Facts = { prediction, event, context, profile, now: now() };
    if (condition !== undefined && condition.test(known) !== true) {
      metrics.triggers.inc({ result: "condition_not_met" });
      return undefined;
    }
    return create(TriggerSourceSchema, {
      campaign: campaign.campaignId,
      ...(prediction === undefined ? {} : { prediction }),
      ...(event === undefined ? {} : { event }),
      ...(membership === undefined ? {} : { membership }),
      ...(context === undefined || !wants("context") ? {} : { context: toOutline(context) }),
    });
  }

  /** @returns the intervention's id, unless the user may not enter the campaign again yet, or begins a journey. */
  async #enter(
    workspace: Workspace,
    { campaign }: LiveCampaign,
    happening: Pick<Happening, "userId">,
    { source, by }: { readonly source: TriggerSource; readonly by: string },
  ): Promise<string | undefined> {
    const { acceptor, metrics, now, store } = this.#options;
    const { userId } = happening;
    if (campaign.reentryAfter !== undefined) {
      const since = new Date(now().getTime() - durationMs(campaign.reentryAfter));
      const whose = { workspaceId: workspace.id, campaignId: campaign.campaignId, userId };
      if (!(await claimEntry(store, whose, { by, at: now(), since }))) {
        metrics.triggers.inc({ result: "not_again_yet" });
        return undefined;
      }
    }
    if (campaign.journey !== undefined) {
      const entered = await this.#journeys.enter(workspace.id, campaign, [{ userId, source, by }]);
      metrics.triggers.inc({ result: entered === 0 ? "repeated" : "accepted" });
      return undefined;
    }
    const trigger = toCampaignTrigger(campaign, { userId, source, key: toTriggerKey(campaign.campaignId, by) });
    const [result] = await acceptor.accept(workspace, [trigger], "");
    if (result?.kind === "accepted") {
      metrics.triggers.inc({ result: result.duplicate ? "repeated" : "accepted" });
      return result.interventionId;
    }
    const error = result?.error;
    // The campaign was changed between the first time and this one: the first one counts.
    if (error instanceof KeyReused) {
      metrics.triggers.inc({ result: "repeated" });
      return error.interventionId;
    }
    if (error instanceof OverLimit) throw new Unavailable("engine", { cause: error, retryAfterMs: error.retryAfterMs });
    throw error;
  }

  /** What a burst ended with, or something newer that is known by now; undefined when that has expired. */
  async #toNewest(
    { prediction, event, membership }: TriggerSource,
    { workspaceId, userId, at }: { readonly workspaceId: string; readonly userId: string; readonly at: Date },
  ): Promise<Happening | undefined> {
    const { store, now } = this.#options;
    const common = { workspaceId, userId, at, id: "" };
    if (event !== undefined) return { ...common, event, occasion: { case: "event", value: event.kind } };
    if (membership !== undefined) return { ...common, membership, occasion: toMembershipOccasion(membership) };
    if (prediction === undefined) return undefined;
    const { kind } = prediction;
    const known = await findNewestPrediction(store, { workspaceId, userId, kind, now: now() });
    const newest = known?.predictTime !== undefined && timestampDate(known.predictTime) > at ? known : prediction;
    if (toExpiry(newest) <= now()) return undefined;
    return { ...common, prediction: newest, occasion: { case: "prediction", value: kind } };
  }
}

const EVENTS_KEPT = 5;

/** A context, small enough to be recorded with each decision. */
function toOutline(context: Context): Context {
  const lastEvents = context.lastEvents.slice(0, EVENTS_KEPT).map(({ attributes: _, ...event }) => event);
  return create(ContextSchema, { ...context, lastEvents });
}
