import type { Bus } from "../bus/index.ts";
import { OverLimit } from "../domain/errors.ts";
import { type CallRates, toEffective } from "../domain/limit/effective-limits.ts";
import type { Standing } from "../domain/limit/rate-limit-headers.ts";
import type { SharedBuckets, SharedTake, Wanted } from "../domain/limit/shared-buckets.ts";
import type { RateLimit } from "../domain/limit/token-bucket.ts";
import type { AccessDirectory } from "./access-directory.ts";
import type { Caller } from "./caller.ts";
import { BEAT_MS, SharedLimits } from "./shared-limits.ts";

/** What counting calls takes. */
export type CallLimitsOptions = CallRates & {
  readonly bus: Pick<Bus, "nc" | "subjects" | "isConnected">;
  /** Workspaces may have limits of their own. */
  readonly access: Pick<AccessDirectory, "findWorkspace">;
  readonly metrics?: { readonly limited: { readonly inc: (labels: { readonly limit: string }) => void } };
  /** Milliseconds that only go forward. */
  readonly now: () => number;
};

/** What became of a call. The standings are reckoned when they are looked at. */
export type Charge =
  | { readonly kind: "passed"; readonly standings: readonly Standing[] }
  | {
      readonly kind: "refused";
      readonly error: OverLimit;
      /** More than the limit ever holds: no wait would help. */
      readonly isFinal: boolean;
      readonly standings: readonly Standing[];
    };

const NAMES = ["key", "workspace"] as const;

/** Counts the calls of every key and every workspace, over all nodes: each takes from its own buckets, without asking anybody, and
 *  tells the others over core NATS. See SharedBuckets for how far nodes can overshoot together. */
export class CallLimits {
  readonly #options: CallLimitsOptions;
  readonly #shared: SharedLimits;
  readonly #buckets: SharedBuckets;

  constructor(options: CallLimitsOptions) {
    this.#options = options;
    const { bus, now } = options;
    const limitOf = (id: string) => this.#limitOf(id);
    this.#shared = new SharedLimits({ bus, subject: bus.subjects.limitsUsed, limitOf, now });
    this.#buckets = this.#shared.buckets;
  }

  stop(): void {
    this.#shared.stop();
  }

  /** Takes what a call costs of its caller's and its workspace's share, or nothing at all. */
  charge(caller: Caller, cost: number): Charge {
    const wanted = this.#wantedOf(caller);
    const taken = this.#buckets.take(wanted, { nowMs: this.#options.now(), cost });
    return this.#toCharge(taken, { wanted, cost });
  }

  /** Whether the least that a call can cost is left; takes nothing. */
  tryCharge(caller: Caller): Charge {
    const wanted = this.#wantedOf(caller);
    const taken = this.#buckets.tryTake(wanted, { nowMs: this.#options.now(), cost: 1 });
    return this.#toCharge(taken, { wanted, cost: 1 });
  }

  #toCharge(taken: SharedTake, call: { readonly wanted: readonly Wanted[]; readonly cost: number }): Charge {
    const toStandings = () => this.#toStandings(call.wanted);
    const lazy = {
      get standings() {
        return toStandings();
      },
    };
    if (taken.kind === "taken") return Object.assign(lazy, { kind: "passed" as const });
    const limit = NAMES[taken.index] ?? "";
    this.#options.metrics?.limited.inc({ limit });
    const error = this.#toError(taken, { ...call, limit });
    return Object.assign(lazy, { kind: "refused" as const, error, isFinal: taken.kind === "never" });
  }

  #toStandings(wanted: readonly Wanted[]): Standing[] {
    const nowMs = this.#options.now();
    return wanted.map((one, index) => ({
      name: NAMES[index] ?? "",
      ...one.limit,
      ...this.#buckets.look(one, nowMs),
    }));
  }

  #toError(
    taken:
      | { readonly kind: "refused"; readonly waitMs: number; readonly index: number }
      | { readonly kind: "never"; readonly index: number },
    { wanted, cost, limit }: { readonly wanted: readonly Wanted[]; readonly cost: number; readonly limit: string },
  ): OverLimit {
    const { burst = 0, ratePerS = 0 } = wanted[taken.index]?.limit ?? {};
    const subject = `calls of this ${limit}`;
    const allowed = `${ratePerS} a second and ${burst} at once are allowed`;
    if (taken.kind === "never")
      return new OverLimit(subject, `${cost} at once are more than this ${limit} ever may: ${allowed}`, BEAT_MS);
    return new OverLimit(subject, `too many calls of this ${limit}: ${allowed}`, taken.waitMs);
  }

  #wantedOf(caller: Caller): Wanted[] {
    const { id, limits } = caller.workspace;
    const { key, workspace } = toEffective(this.#options, limits);
    const who = caller.kind === "service" ? caller.actor : `user/${caller.userId}`;
    return [
      { id: `key/${id}/${who}`, limit: key },
      { id: `workspace/${id}`, limit: workspace },
    ];
  }

  /** Of a bucket by its id, whoever asks for it. */
  #limitOf(id: string): RateLimit {
    const [kind, workspaceId = ""] = id.split("/");
    const limits = toEffective(this.#options, this.#options.access.findWorkspace(workspaceId)?.limits);
    return kind === "workspace" ? limits.workspace : limits.key;
  }
}
