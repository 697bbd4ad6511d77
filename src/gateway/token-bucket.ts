/** How much may come: `burst` at once, `perSecond` for ever. */
export type BucketLimits = { readonly burst: number; readonly perSecond: number };

/** Lets through what keeps to its limits. Small, since each socket has one. */
export class TokenBucket {
  #tokens: number;
  #filledAtMs: number;

  constructor(limits: BucketLimits, nowMs: number) {
    this.#tokens = limits.burst;
    this.#filledAtMs = nowMs;
  }

  /** @returns whether `cost` was there and has been taken. A clock that steps back gives nothing and takes nothing. */
  take(limits: BucketLimits, nowMs: number, cost = 1): boolean {
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#tokens = Math.min(limits.burst, this.#tokens + (elapsedMs * limits.perSecond) / 1_000);
    this.#filledAtMs = nowMs;
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }
}
