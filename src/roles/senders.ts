import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll, isBrokenCircuitError } from "cockatiel";
import type { Logger } from "pino";
import type { CredentialBox } from "../channels/credential-box.ts";
import { findProvider, type KnownProvider } from "../channels/known-provider.ts";
import type { OutgoingMessage, Sender, SendResult } from "../channels/provider.ts";
import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { RateLimit } from "../domain/limit/token-bucket.ts";
import type { ProviderDirectory } from "../integrations/provider-directory.ts";
import type { SharedLimits } from "../integrations/shared-limits.ts";
import type { Metrics } from "../observe/index.ts";
import type { ProviderAccountDocument } from "../store/index.ts";

/** What sending stands on. */
export type SendersOptions = {
  readonly providers: readonly KnownProvider[];
  readonly directory: Pick<ProviderDirectory, "listActive" | "find">;
  readonly box: CredentialBox;
  readonly limits: Pick<SharedLimits, "buckets">;
  readonly metrics: Metrics;
  readonly log: Logger;
};

/** What a provider says, or that the call was not made: its time had run out, or the provider is left alone for a while. */
export type CallResult = SendResult | { readonly kind: "put_back"; readonly reason: string };

/** Calls that fail one after another until an account is left alone, and for how long. */
const FAILURES_MAX = 5;
const LEFT_ALONE_MS = 10_000;

type Opened = {
  readonly revision: number;
  readonly provider: KnownProvider;
  readonly sender: Sender | Error;
  readonly limit: RateLimit;
  readonly breaker: ReturnType<typeof createBreaker>;
  readonly slots: Slots;
};

/** The senders of every account that something was sent by, each with its bounds: rate, calls at once, and a breaker that leaves
 *  a provider alone which fails again and again. */
export class Senders implements AsyncDisposable {
  readonly #options: SendersOptions;
  readonly #opened = new Map<string, Opened>();

  constructor(options: SendersOptions) {
    this.#options = options;
  }

  /** The accounts that can send now, in the order they are asked. */
  listReady(workspaceId: string, channel: OutsideChannelName): readonly ProviderAccountDocument[] {
    return this.#options.directory
      .listActive(workspaceId, channel)
      .filter((account) => this.#open(account)?.breaker.isClosed() === true);
  }

  limitsOf(account: ProviderAccountDocument): KnownProvider["limits"] | undefined {
    return this.#open(account)?.provider.limits;
  }

  /** Takes of an account's rate, of which all processes together have so much.
   *  @returns how many of `count` may be sent now. */
  takeUpTo(account: ProviderAccountDocument, count: number): { readonly granted: number; readonly ratePerS: number } {
    const opened = this.#open(account);
    if (opened === undefined) return { granted: 0, ratePerS: 1 };
    const wanted = { id: toBucketId(account._id), limit: opened.limit };
    const { buckets } = this.#options.limits;
    const nowMs = performance.now();
    const granted = Math.min(count, Math.floor(buckets.look(wanted, nowMs).tokens));
    const isTaken = granted > 0 && buckets.take([wanted], { nowMs, cost: granted }).kind === "taken";
    return { granted: isTaken ? granted : 0, ratePerS: opened.limit.ratePerS };
  }

  /** Makes one call. Never rejects.
   *  @param until no call begins that might still be under way then. */
  async send(
    account: ProviderAccountDocument,
    messages: readonly OutgoingMessage[],
    until: Date,
  ): Promise<readonly CallResult[]> {
    const all = (result: CallResult) => messages.map(() => result);
    const opened = this.#open(account);
    if (opened === undefined) return all({ kind: "put_back", reason: "the provider is not known here" });
    const { sender, provider, breaker, slots } = opened;
    if (sender instanceof Error) return all({ kind: "bad_credential", reason: sender.message });
    const { timeoutMs } = provider.limits;
    try {
      return await slots.run(() =>
        breaker.call(async () => {
          // Looked at last, after all waiting: what stalls here may find another one at work on the same.
          if (Date.now() + timeoutMs > until.getTime())
            return all({ kind: "put_back", reason: "its lease had run out before its turn came" });
          const stopTimer = this.#options.metrics.sendDuration.startTimer({
            channel: account.channel,
            provider: account.provider,
          });
          const results = await sender.send(messages, AbortSignal.timeout(timeoutMs));
          stopTimer();
          return messages.map(
            (_, i) => results[i] ?? { kind: "unknown", reason: "the provider gave no result for it" },
          );
        }),
      );
    } catch (error) {
      if (isBrokenCircuitError(error))
        return all({ kind: "put_back", reason: "the provider is left alone for a while" });
      // A provider does not throw: what it did before this bug of it, nobody knows.
      this.#options.log.error({ event: "provider_threw", provider: account.provider, err: error }, "a provider threw");
      return all({ kind: "unknown", reason: "the provider failed" });
    }
  }

  /** @returns undefined when this version has no such provider. */
  #open(account: ProviderAccountDocument): Opened | undefined {
    const known = this.#opened.get(account._id);
    if (known?.revision === account.revision) return known;
    const provider = findProvider(this.#options.providers, account.channel, account.provider);
    if (provider === undefined) return undefined;
    const ratePerS = account.ratePerS > 0 ? account.ratePerS : provider.limits.ratePerS;
    const opened: Opened = {
      ...{ revision: account.revision, provider },
      sender: this.#openSender(account, provider),
      limit: { ratePerS, burst: Math.max(1, ratePerS) },
      // A changed account is given another chance.
      breaker: createBreaker(),
      slots: new Slots(provider.limits.concurrency),
    };
    this.#opened.set(account._id, opened);
    if (known !== undefined) void this.#close(known);
    return opened;
  }

  #openSender(account: ProviderAccountDocument, provider: KnownProvider): Sender | Error {
    try {
      const { credential } = account;
      const given =
        credential === undefined
          ? {}
          : this.#options.box.open({ keyId: credential.keyId, sealed: credential.sealed.value() }, account._id);
      return provider.open(given);
    } catch (error) {
      this.#options.log.error(
        { event: "provider_not_opened", account: account._id, provider: account.provider, err: error },
        "an account with a provider can't be used",
      );
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Once nothing uses it any more. */
  async #close({ slots, sender }: Opened): Promise<void> {
    await slots.drained();
    if (!(sender instanceof Error)) await sender.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#opened.values()].map((opened) => this.#close(opened)));
    this.#opened.clear();
  }
}

/** An account's bucket means the same in every process. */
const toBucketId = (accountId: string) => `provider/${accountId}`;

/** The limit of a bucket that another process told of first. */
export function toProviderLimit(
  id: string,
  { directory, providers }: Pick<SendersOptions, "directory" | "providers">,
): RateLimit {
  const account = directory.find(id.slice(toBucketId("").length));
  const own = account?.ratePerS ?? 0;
  const provider = account && findProvider(providers, account.channel, account.provider);
  const ratePerS = own > 0 ? own : (provider?.limits.ratePerS ?? 1);
  return { ratePerS, burst: Math.max(1, ratePerS) };
}

/** Thrown within the breaker, so that it counts a call that came back as a failure. */
class Failing extends Error {
  readonly results: readonly CallResult[];
  constructor(results: readonly CallResult[]) {
    super("every message of the call failed");
    this.results = results;
  }
}

/** A throttled provider works; one that can't be reached or breaks off does not. */
const isFailure = (result: CallResult) =>
  result.kind === "unknown" || (result.kind === "retry" && result.retryAfterMs === undefined);

function createBreaker() {
  const policy = circuitBreaker(handleAll, {
    halfOpenAfter: LEFT_ALONE_MS,
    breaker: new ConsecutiveBreaker(FAILURES_MAX),
  });
  let openedAtMs = 0;
  policy.onBreak(() => {
    openedAtMs = performance.now();
  });
  return {
    isClosed: () => policy.state !== CircuitState.Open || performance.now() - openedAtMs >= LEFT_ALONE_MS,
    /** @throws BrokenCircuitError */
    async call(send: () => Promise<readonly CallResult[]>): Promise<readonly CallResult[]> {
      try {
        return await policy.execute(async () => {
          const results = await send();
          if (results.length > 0 && results.every(isFailure)) throw new Failing(results);
          return results;
        });
      } catch (error) {
        if (error instanceof Failing) return error.results;
        throw error;
      }
    },
  };
}

/** At most so many at once; the others wait in order. */
class Slots {
  #free: number;
  readonly #all: number;
  readonly #waiting: (() => void)[] = [];
  readonly #idle: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
    this.#all = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
      if (this.#free === this.#all) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  async drained(): Promise<void> {
    if (this.#free < this.#all) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
