import { invariant } from "../domain/assert.ts";
import { type FindPlaced, findRewards } from "../integrations/choice-rewards.ts";
import {
  type ChoiceBucketDocument,
  choiceBucketId,
  listChosen,
  replaceChoiceBuckets,
  type Store,
} from "../store/index.ts";

type LearnOptions = { readonly store: Store; readonly findOrders: FindPlaced };

const DAY_MS = 86_400_000;
/** What counts happens within three days of a decision, and is told within another one. */
const OPEN_DAYS = 5;
/** Learning takes this share of a process's time at most, however much there is to learn from. */
const PAUSE_FACTOR = 20;
const PAUSE_MS_MIN = 5_000;

/** Reckons what became of messages whose channel was drawn, a day at a time and always the whole day: whatever comes twice, late or
 *  after a kill, each message counts once. A day is closed when nothing that counts can come any more. */
export class ChoiceLearner {
  readonly #options: LearnOptions;
  readonly #notBefore = new Map<string, number>();

  constructor(options: LearnOptions) {
    this.#options = options;
  }

  /** Looks at the open days of a workspace, each not before it is worth it again.
   *  @returns how many messages were reckoned. */
  async step(workspaceId: string, now: Date): Promise<number> {
    const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS;
    let count = 0;
    for (let day = today; day > today - OPEN_DAYS * DAY_MS; day -= DAY_MS) {
      const key = `${workspaceId}/${day}`;
      if ((this.#notBefore.get(key) ?? 0) > now.getTime()) continue;
      const startedMs = performance.now();
      count += await this.learnDay(workspaceId, new Date(day), now);
      const pauseMs = Math.max(PAUSE_MS_MIN, PAUSE_FACTOR * (performance.now() - startedMs));
      this.#notBefore.set(key, now.getTime() + pauseMs);
    }
    for (const [key, at] of this.#notBefore) if (at < now.getTime() - DAY_MS) this.#notBefore.delete(key);
    return count;
  }

  /** @returns how many messages were reckoned. */
  async learnDay(workspaceId: string, day: Date, now: Date): Promise<number> {
    const until = new Date(day.getTime() + DAY_MS);
    const buckets = new Map<string, ChoiceBucketDocument>();
    let count = 0;
    for await (const page of listChosen(this.#options.store, { workspaceId, from: day, until })) {
      for (const { document, chosen, reward } of await findRewards(this.#options, workspaceId, page)) {
        const { channel } = document;
        invariant(channel !== undefined, `decision ${document._id} has drawn no channel`);
        const whose = { workspaceId, day, segment: chosen.segment, channel };
        const id = choiceBucketId(whose);
        const before = buckets.get(id) ?? { _id: id, ...whose, rounds: 0, reward: 0, updatedAt: now };
        buckets.set(id, { ...before, rounds: before.rounds + 1, reward: before.reward + reward });
        count += 1;
      }
    }
    await replaceChoiceBuckets(this.#options.store, [...buckets.values()]);
    return count;
  }
}
