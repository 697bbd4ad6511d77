/** What may come: `burst` at once, and `ratePerS` a second for ever. Both above 0. */
export type RateLimit = { readonly ratePerS: number; readonly burst: number };

/** What is left, and when that was reckoned. Below 0 when others have spent what was not here. */
export type Bucket = { readonly tokens: number; readonly atMs: number };

/** What became of a wish for tokens. Whole tokens are asked for, fractions are what time brings. */
export type Take =
  | { readonly kind: "taken"; readonly bucket: Bucket }
  /** After `waitMs` they are there, unless somebody else takes them. */
  | { readonly kind: "refused"; readonly bucket: Bucket; readonly waitMs: number }
  /** More than the bucket ever holds. */
  | { readonly kind: "never"; readonly bucket: Bucket };

/** Tokens are sums of fractions; what is short by less than this is rounding. */
const ROUNDING = 1e-6;

/** A token bucket (RFC 2697 calls it a committed rate and burst): it begins full with `burst` tokens, gains
 *  `ratePerS` · seconds, holds `burst` at most, and a call of cost c passes when c are there, which it takes. So in every
 *  window of t seconds at most burst + ratePerS · t pass. */
export function fullBucket({ burst }: RateLimit, nowMs: number): Bucket {
  return { tokens: burst, atMs: nowMs };
}

/** What time has brought. A clock that steps back gives nothing and takes nothing, and the same time is not paid for twice. */
export function refill(bucket: Bucket, { ratePerS, burst }: RateLimit, nowMs: number): Bucket {
  if (nowMs <= bucket.atMs) return bucket.tokens > burst ? { ...bucket, tokens: burst } : bucket;
  const gained = ((nowMs - bucket.atMs) * ratePerS) / 1_000;
  return { tokens: Math.min(burst, bucket.tokens + gained), atMs: nowMs };
}

/** Takes `cost` tokens, or says why not and takes none. */
export function take(bucket: Bucket, limit: RateLimit, call: { readonly nowMs: number; readonly cost: number }): Take {
  const filled = refill(bucket, limit, call.nowMs);
  if (call.cost > limit.burst) return { kind: "never", bucket: filled };
  const waitMs = toWaitMs(filled, limit, call.cost);
  return waitMs === 0
    ? { kind: "taken", bucket: charge(filled, call.cost) }
    : { kind: "refused", bucket: filled, waitMs };
}

/** Takes what was spent elsewhere, whether it is there or not: a debt is paid off by time. */
export function charge({ tokens, atMs }: Bucket, cost: number): Bucket {
  return { tokens: tokens - cost, atMs };
}

/** Whole milliseconds until `tokens` are there; 0 when they are. */
export function toWaitMs(bucket: Bucket, { ratePerS }: RateLimit, tokens: number): number {
  const missing = tokens - bucket.tokens;
  return missing <= ROUNDING ? 0 : Math.ceil((missing * 1_000) / ratePerS);
}
