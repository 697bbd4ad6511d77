import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Subscription } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { type Budget, type Campaign, CampaignState, type Exclusion } from "../../gen/intervention/v1/campaign_pb.js";
import type { PredictionKind, ShopEventKind } from "../../gen/intervention/v1/shopper_pb.js";
import type { Bus } from "../bus/index.ts";
import { type CompiledCondition, compileCondition } from "../domain/condition/compile-condition.ts";
import { type CampaignDocument, findCampaign, listCampaignsChanged, type Store, toCampaign } from "../store/index.ts";
import { KeptFresh } from "./kept-fresh.ts";

/** A campaign that intervenes, ready to be asked. */
export type LiveCampaign = { readonly campaign: Campaign; readonly condition: CompiledCondition | undefined };

/** What a campaign bounds its messages by, beside its policy. */
export type CampaignRules = {
  readonly budget: Budget | undefined;
  readonly dropOnOrder: boolean;
  readonly exclusion: Exclusion | undefined;
};

/** What a campaign can wait for. */
export type Occasion =
  | { readonly case: "prediction"; readonly value: PredictionKind }
  | { readonly case: "event"; readonly value: ShopEventKind }
  /** By the segment's id. */
  | { readonly case: "segmentEntered" | "segmentLeft"; readonly value: string };

/** Clocks of the processes that change campaigns may differ by so much. */
const OVERLAP_MS = 60_000;

/** Every campaign, kept in memory: told of changes at once, and looking for them each second, since the word of one may be lost. */
export class CampaignDirectory {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #fresh: KeptFresh;
  readonly #told: Subscription;
  readonly #states = new Map<string, { readonly etag: string; readonly state: CampaignState }>();
  readonly #running = new Map<string, LiveCampaign>();
  /** Those on whose journeys users go on, by workspace. */
  readonly #journeys = new Map<string, Set<string>>();
  /** What bounds what is sent, of those that have something: whatever their state, since what was asked for may be decided later. */
  readonly #rules = new Map<string, CampaignRules>();
  readonly #live = new Map<string, Map<string, LiveCampaign>>();
  #seenUntil = new Date(0);

  private constructor({ store, bus, log }: { store: Store; bus: Bus; log: Logger }) {
    this.#store = store;
    this.#log = log;
    this.#fresh = new KeptFresh({
      refresh: () => this.#refresh(),
      onStale: (error) =>
        log.warn(
          { event: "campaigns_stale", err: error },
          "campaigns can't be read at the moment: what was known stays in force",
        ),
    });
    this.#told = bus.nc.subscribe(bus.subjects.campaignsChanged, { callback: () => void this.#fresh.now() });
  }

  static async start(parts: { store: Store; bus: Bus; log: Logger }): Promise<CampaignDirectory> {
    const directory = new CampaignDirectory(parts);
    await directory.#refresh();
    return directory;
  }

  stop(): void {
    this.#fresh.stop();
    this.#told.unsubscribe();
  }

  /** The running campaigns of a workspace that wait for this, in the order of their ids. */
  listLive(workspaceId: string, occasion: Occasion, now: Date): LiveCampaign[] {
    const found = [...(this.#live.get(`${workspaceId}/${occasion.case}/${occasion.value}`)?.values() ?? [])];
    return found
      .filter((live) => !isOver(live, now))
      .sort((a, b) => (a.campaign.campaignId < b.campaign.campaignId ? -1 : 1));
  }

  /** A campaign, if it is running. */
  findLive(workspaceId: string, campaignId: string, now: Date): LiveCampaign | undefined {
    const live = this.#running.get(`${workspaceId}/${campaignId}`);
    return live === undefined || isOver(live, now) ? undefined : live;
  }

  /** The campaigns of a workspace on whose journeys users go on: those that are running, and those that take in nobody any more. */
  listJourneys(workspaceId: string): string[] {
    return [...(this.#journeys.get(workspaceId) ?? [])];
  }

  /** What a campaign bounds its messages by; looked up where this process has not heard of it yet.
   *  @returns undefined when it has nothing of it. */
  async findRules(workspaceId: string, campaignId: string): Promise<CampaignRules | undefined> {
    const id = `${workspaceId}/${campaignId}`;
    if (this.#states.has(id)) return this.#rules.get(id);
    const document = await findCampaign(this.#store, workspaceId, campaignId);
    return document === undefined ? undefined : toRules(toCampaign(document));
  }

  /** How a campaign stands; looked up where this process has not heard of it yet. */
  async findState(workspaceId: string, campaignId: string): Promise<CampaignState> {
    const known = this.#states.get(`${workspaceId}/${campaignId}`)?.state;
    if (known !== undefined) return known;
    const document = await findCampaign(this.#store, workspaceId, campaignId);
    // One that is gone is as good as archived.
    return document === undefined ? CampaignState.ARCHIVED : toCampaign(document).state;
  }

  async #refresh(): Promise<void> {
    const since = new Date(Math.max(0, this.#seenUntil.getTime() - OVERLAP_MS));
    for (const document of await listCampaignsChanged(this.#store, since)) {
      if (document.updatedAt > this.#seenUntil) this.#seenUntil = document.updatedAt;
      if (this.#states.get(document._id)?.etag !== document.etag) this.#take(document);
    }
  }

  #noteJourney({ workspaceId, campaignId }: CampaignDocument, campaign: Campaign): void {
    const ids = this.#journeys.get(workspaceId) ?? new Set<string>();
    if (hasTravellers(campaign)) ids.add(campaignId);
    else ids.delete(campaignId);
    this.#journeys.set(workspaceId, ids);
  }

  #take(document: CampaignDocument): void {
    const campaign = toCampaign(document);
    for (const byId of this.#live.values()) byId.delete(document._id);
    this.#running.delete(document._id);
    this.#states.set(document._id, { etag: document.etag, state: campaign.state });
    this.#noteJourney(document, campaign);
    const rules = toRules(campaign);
    if (rules === undefined) this.#rules.delete(document._id);
    else this.#rules.set(document._id, rules);
    const { on } = campaign.trigger ?? {};
    if (campaign.state !== CampaignState.RUNNING || on?.case === undefined) return;
    try {
      const condition = campaign.condition === undefined ? undefined : compileCondition(campaign.condition);
      const live = { campaign, condition };
      this.#running.set(document._id, live);
      // Nothing that happens triggers what is sent to an audience.
      if (on.case === "audience") return;
      const key = `${document.workspaceId}/${on.case}/${on.value}`;
      const byId = this.#live.get(key) ?? new Map<string, LiveCampaign>();
      byId.set(document._id, live);
      this.#live.set(key, byId);
    } catch (error) {
      // Saved by a version that knew other fields.
      this.#log.error(
        { event: "campaign_not_understood", campaign: document._id, err: error },
        "a campaign's condition asks for what this version does not know: it does not run here",
      );
    }
  }
}

const toRules = ({ budget, dropOnOrder, exclusion }: Campaign): CampaignRules | undefined =>
  budget !== undefined || dropOnOrder || exclusion !== undefined ? { budget, dropOnOrder, exclusion } : undefined;

/** Whether users go on with its journey. */
const hasTravellers = ({ state, journey }: Campaign) =>
  journey !== undefined && (state === CampaignState.RUNNING || state === CampaignState.COMPLETED);

/** Whether a campaign has ended by itself. */
const isOver = ({ campaign: { expireTime } }: LiveCampaign, now: Date) =>
  expireTime !== undefined && timestampMs(expireTime) <= now.getTime();
