/** Where one limit stands after a call. */
export type Standing = {
  /** Such as `key` or `workspace`. */
  readonly name: string;
  readonly burst: number;
  readonly ratePerS: number;
  /** Whole and broken tokens left. */
  readonly tokens: number;
  readonly fullInMs: number;
};

/** The header fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4): quota `q`
 *  for a window of `w` seconds, what remains `r`, and the seconds `t` until all of it is there again. A token bucket is told as the
 *  quota `burst` in the time it takes to fill. */
export function toRateLimitHeaders(standings: readonly Standing[]): {
  readonly policy: string;
  readonly limit: string;
} {
  const policy = standings.map(
    ({ name, burst, ratePerS }) => `"${name}";q=${Math.floor(burst)};w=${Math.max(1, Math.ceil(burst / ratePerS))}`,
  );
  const limit = standings.map(
    ({ name, tokens, fullInMs }) => `"${name}";r=${Math.max(0, Math.floor(tokens))};t=${Math.ceil(fullInMs / 1_000)}`,
  );
  return { policy: policy.join(", "), limit: limit.join(", ") };
}
