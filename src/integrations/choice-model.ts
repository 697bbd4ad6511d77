import type { Logger } from "pino";
import { CHANNEL_PRIOR } from "../domain/decision/choose-channel.ts";
import type { ChannelName } from "../domain/delivery/channel-names.ts";
import type { BetaParameters } from "../domain/statistics/beta-logit.ts";
import { type ChoiceBucketDocument, listChoiceBucketsChanged, type Store } from "../store/index.ts";
import { KeptFresh } from "./kept-fresh.ts";

/** What was learnt of a channel for a group of users. */
export type LearntChannel = {
  readonly segment: string;
  readonly channel: ChannelName;
  /** Of its reward, as of now. */
  readonly posterior: BetaParameters;
  /** Messages it is learnt from, whatever their age. */
  readonly rounds: number;
  /** The sum of their rewards. */
  readonly reward: number;
};

type Asked = { readonly segment: string; readonly channel: ChannelName; readonly halfLifeMs: number };

const REFRESH_MS = 5_000;
/** Clocks of the processes that learn may differ by so much. */
const OVERLAP_MS = 60_000;
/** Evidence fades by whole steps of this, so that decisions between two of them have the same evidence and share what is made of it. */
const STEP_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** What is older has faded, whatever the half-life: at the longest it counts a half. */
const DAYS_MAX = 730;

/** Which channels have served which users well, of every workspace, kept in memory. Never waited for: what was known serves. */
export class ChoiceModel {
  readonly #store: Store;
  readonly #fresh: KeptFresh;
  readonly #now: () => Date;
  /** By workspace, segment and channel; then by day. */
  readonly #buckets = new Map<string, Map<number, ChoiceBucketDocument>>();
  #seenUntil: Date;

  private constructor({ store, log, now }: { store: Store; log: Logger; now: () => Date }) {
    this.#store = store;
    this.#now = now;
    this.#seenUntil = new Date(now().getTime() - DAYS_MAX * DAY_MS);
    this.#fresh = new KeptFresh({
      refresh: () => this.#refresh(),
      onStale: (error) =>
        log.warn(
          { event: "choices_stale", err: error },
          "what was learnt of channels can't be read at the moment: what was known stays in force",
        ),
      everyMs: REFRESH_MS,
    });
  }

  static async start(parts: { store: Store; log: Logger; now: () => Date }): Promise<ChoiceModel> {
    const model = new ChoiceModel(parts);
    await model.#refresh();
    return model;
  }

  stop(): void {
    this.#fresh.stop();
  }

  /** Looks for changes now. Never rejects. */
  refresh(): Promise<void> {
    return this.#fresh.now();
  }

  /** The distribution of a channel's reward, old outcomes faded: that of the prior where nothing is known. */
  find(workspaceId: string, { segment, channel, halfLifeMs }: Asked): BetaParameters {
    const buckets = this.#buckets.get(toKey(workspaceId, segment, channel));
    return this.#toPosterior([...(buckets?.values() ?? [])], halfLifeMs);
  }

  /** Everything that was learnt in a workspace, in order of segment and channel. */
  list(workspaceId: string, halfLifeMs: number): readonly LearntChannel[] {
    const learnt: LearntChannel[] = [];
    for (const [key, buckets] of [...this.#buckets].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const all = [...buckets.values()];
      const [first] = all;
      if (first === undefined || key !== toKey(workspaceId, first.segment, first.channel)) continue;
      learnt.push({
        ...{ segment: first.segment, channel: first.channel },
        posterior: this.#toPosterior(all, halfLifeMs),
        rounds: all.reduce((sum, { rounds }) => sum + rounds, 0),
        reward: all.reduce((sum, { reward }) => sum + reward, 0),
      });
    }
    return learnt;
  }

  #toPosterior(buckets: readonly ChoiceBucketDocument[], halfLifeMs: number): BetaParameters {
    const asOf = Math.floor(this.#now().getTime() / STEP_MS) * STEP_MS;
    let { alpha, beta } = CHANNEL_PRIOR;
    // In order of time, so that every process adds up to the same last bit.
    for (const { day, rounds, reward } of [...buckets].sort((a, b) => a.day.getTime() - b.day.getTime())) {
      const ageMs = Math.max(0, asOf - (day.getTime() + DAY_MS));
      const weight = 2 ** (-ageMs / halfLifeMs);
      alpha += weight * reward;
      beta += weight * Math.max(0, rounds - reward);
    }
    return { alpha, beta };
  }

  async #refresh(): Promise<void> {
    const since = new Date(this.#seenUntil.getTime() - OVERLAP_MS);
    for (const bucket of await listChoiceBucketsChanged(this.#store, since)) {
      if (bucket.updatedAt > this.#seenUntil) this.#seenUntil = bucket.updatedAt;
      const key = toKey(bucket.workspaceId, bucket.segment, bucket.channel);
      const days = this.#buckets.get(key) ?? new Map<number, ChoiceBucketDocument>();
      days.set(bucket.day.getTime(), bucket);
      this.#buckets.set(key, days);
    }
  }
}

const toKey = (workspaceId: string, segment: string, channel: ChannelName) => `${workspaceId}/${segment}/${channel}`;
