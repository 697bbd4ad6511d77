/** How fast a run may go. */
export type Pace = {
  readonly usersPerMinute: number;
  /** It comes, evenly, from nothing to full speed in this time. */
  readonly rampUpMs: number;
};

const MINUTE_MS = 60_000;

/** How many users may have been dealt with after so long on the way: one at once, and then as many as the speed comes to. */
export function toUsersAllowed({ usersPerMinute, rampUpMs }: Pace, onTheWayMs: number): number {
  const rampedMs = Math.min(onTheWayMs, rampUpMs);
  const atFullMs = onTheWayMs - rampedMs;
  const whileRamping = rampUpMs === 0 ? 0 : (rampedMs * rampedMs) / (2 * rampUpMs);
  return 1 + Math.floor((usersPerMinute * (whileRamping + atFullMs)) / MINUTE_MS);
}

/** However long nobody went on, no more than a minute of it is made up for: a run that was paused does not rush. */
export const toTimeOnTheWay = (beforeMs: number, sinceMs: number): number =>
  beforeMs + Math.min(MINUTE_MS, Math.max(0, sinceMs));
