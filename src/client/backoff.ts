/** A quarter of a second is short enough to go unnoticed after a blip, ... */
const baseMs = 250;
/** ... and thirty long enough that a dead engine costs a device and the network nothing. */
const capMs = 30_000;

/** How long to wait before the next try: exponential with FULL jitter, so that clients which lost one
 *  gateway at the same moment come back spread evenly over the whole window.
 *  @param failures in a row before this one, 0 or more. @param random in [0, 1).
 *  Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. */
export function backoffMs(failures: number, random: number): number {
  return random * Math.min(capMs, baseMs * 2 ** failures);
}
