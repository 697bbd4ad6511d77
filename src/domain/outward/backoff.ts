const FIRST_MS = 5_000;
const FACTOR = 3;
const LONGEST_MS = 4 * 3_600_000;
/** Nobody is made to wait for ever by a `Retry-After`. */
const ASKED_MS_MAX = 24 * 3_600_000;

/** How long to wait after so many failures: exponential with full jitter, so that what failed together does not come back together.
 *  @param failures 1 or more. @param random 0 to 1, 1 excluded. @param askedMs what the other side asked for; never less than that.
 *  @returns ms. */
export function toBackoffMs({
  failures,
  random,
  askedMs = 0,
}: {
  readonly failures: number;
  readonly random: number;
  readonly askedMs?: number | undefined;
}): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * FACTOR ** Math.min(failures - 1, 20));
  return Math.max(Math.min(askedMs, ASKED_MS_MAX), Math.ceil(ceiling * random));
}

/** Reads a `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
 *  @returns ms; undefined when there is none that can be read. */
export function parseRetryAfterMs(header: string | undefined, now: Date): number | undefined {
  const value = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const at = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}
