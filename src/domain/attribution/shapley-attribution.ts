import { assertNever } from "../assert.ts";
import { InvalidInput } from "../errors.ts";
import { type ChannelPath, channelsOf } from "./channel-path.ts";

/** What a set of channels is worth, of the paths that touch no other: their conversions, or the part of them that converted. */
export type Characteristic = "conversions" | "rate";

export type ShapleyAttribution = {
  /** They sum to `total`. */
  readonly credits: ReadonlyMap<string, number>;
  /** What all channels together are worth. */
  readonly total: number;
};

/** The rate is looked at for every set of channels: 2^20 of them take about a second and 16 MB. */
const shapleyRateChannelsMax = 20;

/** Attribution by the Shapley value: what a channel adds to a set of others, averaged over all orders in which channels could have come
 *  together. Source: Shapley, "A value for n-person games" (1953); on touches, Zhao, Mahboobi and Bagheri, "Shapley Value Methods for
 *  Attribution Modeling in Online Advertising" (2018), arXiv:1804.05327.
 *  @throws InvalidInput for a rate over more than `shapleyRateChannelsMax` channels. */
export function shapleyAttribution(paths: readonly ChannelPath[], characteristic: Characteristic): ShapleyAttribution {
  switch (characteristic) {
    case "conversions":
      return ofConversions(paths);
    case "rate":
      return ofRate(paths);
    default:
      return assertNever(characteristic);
  }
}

/** The worth is a sum over paths, and so is the value: of each path's conversions every distinct channel has an equal part (the paper's
 *  theorem 1). No set needs to be looked at, and any number of channels will do. */
function ofConversions(paths: readonly ChannelPath[]): ShapleyAttribution {
  const credits = new Map(channelsOf(paths).map((channel) => [channel, 0]));
  let total = 0;
  for (const { path, conversions } of paths) {
    const distinct = new Set(path);
    for (const channel of distinct) credits.set(channel, (credits.get(channel) ?? 0) + conversions / distinct.size);
    total += conversions;
  }
  return { credits, total };
}

function ofRate(paths: readonly ChannelPath[]): ShapleyAttribution {
  const channels = channelsOf(paths);
  const count = channels.length;
  if (count > shapleyRateChannelsMax) {
    throw new InvalidInput([
      {
        field: "paths",
        description: `have ${count} channels: by rate at most ${shapleyRateChannelsMax} can be told apart. Group some, or take "conversions"`,
      },
    ]);
  }
  const worth = rateOfSets(paths, channels);
  // Of the orders in which all come together, the part where just the k of a set came before a channel: k!(n−1−k)!/n!.
  const weights = [1 / count];
  for (let k = 1; k < count; k++) weights.push(((weights[k - 1] ?? 0) * k) / (count - k));
  const sizes = new Uint8Array(worth.length);
  for (let set = 1; set < sizes.length; set++) sizes[set] = (sizes[set >> 1] ?? 0) + (set & 1);
  const credits = channels.map((channel, index) => {
    const bit = 1 << index;
    let credit = 0;
    for (let set = 0; set < worth.length; set++) {
      if ((set & bit) === 0) credit += (weights[sizes[set] ?? 0] ?? 0) * ((worth[set | bit] ?? 0) - (worth[set] ?? 0));
    }
    return [channel, credit] as const;
  });
  return { credits: new Map(credits), total: worth.at(-1) ?? 0 };
}

/** The rate of every set, numbered by its bits. Conversions and ends of each path's own set are summed over all subsets, one channel
 *  at a time: n·2ⁿ additions. */
function rateOfSets(paths: readonly ChannelPath[], channels: readonly string[]): Float64Array {
  const bitOf = new Map(channels.map((channel, index) => [channel, 1 << index]));
  const converted = new Float64Array(2 ** channels.length);
  const ended = new Float64Array(converted.length);
  for (const { path, conversions, nulls } of paths) {
    const set = path.reduce((bits, channel) => bits | (bitOf.get(channel) ?? 0), 0);
    converted[set] = (converted[set] ?? 0) + conversions;
    ended[set] = (ended[set] ?? 0) + conversions + nulls;
  }
  for (const bit of bitOf.values()) {
    for (let set = 0; set < converted.length; set++) {
      if ((set & bit) === 0) continue;
      converted[set] = (converted[set] ?? 0) + (converted[set ^ bit] ?? 0);
      ended[set] = (ended[set] ?? 0) + (ended[set ^ bit] ?? 0);
    }
  }
  return converted.map((count, set) => (count === 0 ? 0 : count / (ended[set] ?? 0)));
}
