import type { Metrics } from "../observe/index.ts";
import type { KnownProfile } from "./data-intelligence-answer.ts";
import {
  type CallFailure,
  type CallOptions,
  type CallResult,
  createDataIntelligenceCall,
} from "./data-intelligence-call.ts";
import { LruCache } from "./lru-cache.ts";

/** What came of asking for one user. An answered user who is not known has no profile. */
export type Lookup =
  | {
      readonly kind: "answered";
      readonly outcome: "fresh" | "cached" | "stale";
      readonly profile: KnownProfile | undefined;
    }
  | { readonly kind: "failed"; readonly outcome: CallFailure };

export type DataIntelligenceOptions = CallOptions & {
  readonly metrics: Pick<Metrics, "profileLookups">;
  /** An answer is used this long without asking. */
  readonly freshMs: number;
  /** And this much longer while it is asked again behind. */
  readonly staleMs: number;
  /** Answers kept. */
  readonly cacheMax: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
};

type Entry = { readonly profile: KnownProfile | undefined; readonly answeredAt: number };

/** The contract allows as many in one call. */
const USERS_PER_CALL_MAX = 1_000;

/** The platform's knowledge of users, asked within a deadline and remembered. It never fails its caller: what can't be had is
 *  said to be missing, and why. */
export class DataIntelligence implements Disposable {
  readonly #options: DataIntelligenceOptions;
  readonly #cache: LruCache<Entry>;
  /** Users who are being asked for, each in one call: whoever else wants one waits for it too. */
  readonly #flights = new Map<string, Promise<CallResult>>();
  readonly #call: ReturnType<typeof createDataIntelligenceCall>;

  constructor(options: DataIntelligenceOptions) {
    this.#options = options;
    this.#cache = new LruCache(options.cacheMax);
    this.#call = createDataIntelligenceCall(options);
  }

  /** Looks users of one workspace up, all at once. Takes no longer than the deadline. */
  async look(workspace: string, userIds: readonly string[]): Promise<Map<string, Lookup>> {
    const lookups = new Map<string, Lookup>();
    const missing: string[] = [];
    const outdated: string[] = [];
    const { freshMs, staleMs, now, metrics } = this.#options;
    for (const userId of new Set(userIds)) {
      const entry = this.#cache.get(toKey(workspace, userId));
      const ageMs = entry === undefined ? Number.POSITIVE_INFINITY : now() - entry.answeredAt;
      if (entry === undefined || ageMs > freshMs + staleMs) missing.push(userId);
      else {
        const isFresh = ageMs <= freshMs;
        if (!isFresh) outdated.push(userId);
        lookups.set(userId, { kind: "answered", outcome: isFresh ? "cached" : "stale", profile: entry.profile });
      }
    }
    // Behind: nobody waits for it, and how it ends is in the metrics.
    this.#fly(workspace, outdated);
    const flights = this.#fly(workspace, missing);
    for (const [userId, flight] of flights) {
      const result = await flight;
      lookups.set(
        userId,
        result.kind === "answered"
          ? { kind: "answered", outcome: "fresh", profile: result.profiles.get(userId) }
          : { kind: "failed", outcome: result.failure },
      );
    }
    for (const { outcome } of lookups.values()) metrics.profileLookups.inc({ outcome });
    return lookups;
  }

  [Symbol.dispose](): void {
    this.#call.close();
  }

  /** Asks for those who are not being asked for yet. */
  #fly(workspace: string, userIds: readonly string[]): Map<string, Promise<CallResult>> {
    const grounded = userIds.filter((userId) => !this.#flights.has(toKey(workspace, userId)));
    for (let start = 0; start < grounded.length; start += USERS_PER_CALL_MAX) {
      const together = grounded.slice(start, start + USERS_PER_CALL_MAX);
      const flight = this.#ask(workspace, together);
      for (const userId of together) this.#flights.set(toKey(workspace, userId), flight);
    }
    return new Map(
      userIds.flatMap((userId) => {
        const flight = this.#flights.get(toKey(workspace, userId));
        return flight === undefined ? [] : [[userId, flight]];
      }),
    );
  }

  async #ask(workspace: string, userIds: readonly string[]): Promise<CallResult> {
    const result = await this.#call.call(workspace, userIds);
    for (const userId of userIds) {
      const key = toKey(workspace, userId);
      this.#flights.delete(key);
      if (result.kind === "answered")
        this.#cache.set(key, { profile: result.profiles.get(userId), answeredAt: this.#options.now() });
    }
    return result;
  }
}

const toKey = (workspace: string, userId: string) => `${workspace}/${userId}`;
