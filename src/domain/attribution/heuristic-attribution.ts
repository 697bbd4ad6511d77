import { type ChannelPath, channelsOf } from "./channel-path.ts";

export type HeuristicAttribution = {
  readonly first: ReadonlyMap<string, number>;
  readonly last: ReadonlyMap<string, number>;
  /** Each touch of a path has an equal part of its conversions. */
  readonly linear: ReadonlyMap<string, number>;
};

/** Conversions by channel under the three oldest rules. Each sums to all conversions; channels with none are kept at 0. */
export function heuristicAttribution(paths: readonly ChannelPath[]): HeuristicAttribution {
  const channels = channelsOf(paths);
  const [first, last, linear] = [zeros(channels), zeros(channels), zeros(channels)];
  for (const { path, conversions } of paths) {
    add(first, path[0], conversions);
    add(last, path.at(-1), conversions);
    for (const channel of path) add(linear, channel, conversions / path.length);
  }
  return { first, last, linear };
}

function zeros(channels: readonly string[]): Map<string, number> {
  return new Map(channels.map((channel) => [channel, 0]));
}

function add(sums: Map<string, number>, channel: string | undefined, amount: number): void {
  if (channel !== undefined) sums.set(channel, (sums.get(channel) ?? 0) + amount);
}
