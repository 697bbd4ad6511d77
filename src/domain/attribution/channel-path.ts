/** The channels of a path to a conversion or to none, oldest first, and how often that path was seen with each end. */
export type ChannelPath = {
  /** At least one. */
  readonly path: readonly string[];
  /** Whole, ≥ 0. */
  readonly conversions: number;
  /** Ended without one. Whole, ≥ 0. */
  readonly nulls: number;
};

/** All channels that occur, in the order they are first seen. */
export function channelsOf(paths: readonly ChannelPath[]): string[] {
  const seen = new Set<string>();
  for (const { path } of paths) for (const channel of path) seen.add(channel);
  return [...seen];
}
