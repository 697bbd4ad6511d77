import { InvalidInput } from "../errors.ts";
import { type ChannelPath, channelsOf } from "./channel-path.ts";

/** The absorbing Markov chain that paths are taken for, as counts of transitions rather than probabilities: a path enters at one of
 *  the states, goes from state to state, and leaves to a conversion or to none (null). */
export type PathChain = {
  readonly channels: readonly string[];
  /** Of each state, the indices of the channels that it is made of: the newest `order` touches, or all of a shorter path. */
  readonly states: readonly (readonly number[])[];
  /** Times that a path entered at each state. */
  readonly enters: Float64Array;
  /** Times that each state was followed by each: row by row, states.length². */
  readonly moves: Float64Array;
  /** Times that each state was followed by a conversion. */
  readonly converts: Float64Array;
  /** Times that each state was the last, conversions among them. */
  readonly leaves: Float64Array;
};

/** Bounds the matrix (32 MB) and the time to solve (some seconds). Forty channels of order 2 have 1,640 states. */
export const chainStatesMax = 2_000;

/** Counts the transitions. Touches of one channel in a row stay as they are: they are a move of a state to itself.
 *  @param order how many touches a state remembers, ≥ 1.
 *  @throws InvalidInput when there are more than `chainStatesMax` states. */
export function toPathChain(paths: readonly ChannelPath[], order: number): PathChain {
  const channels = channelsOf(paths);
  const indexOf = new Map(channels.map((channel, index) => [channel, index]));
  const states: (readonly number[])[] = [];
  const stateOf = new Map<string, number>();
  const walks = paths.map(({ path, conversions, nulls }) => {
    const touches = path.map((channel) => indexOf.get(channel) ?? 0);
    const walk: number[] = [];
    for (let end = Math.min(order, touches.length); end <= touches.length; end++) {
      const state = touches.slice(Math.max(0, end - order), end);
      const key = state.join();
      let index = stateOf.get(key);
      if (index === undefined) {
        index = states.push(state) - 1;
        stateOf.set(key, index);
        if (states.length > chainStatesMax) throw tooMany(channels.length, order);
      }
      walk.push(index);
    }
    return { walk, conversions, nulls };
  });
  const size = states.length;
  const chain = {
    channels,
    states,
    enters: new Float64Array(size),
    moves: new Float64Array(size * size),
    converts: new Float64Array(size),
    leaves: new Float64Array(size),
  };
  for (const { walk, conversions, nulls } of walks) {
    const times = conversions + nulls;
    add(chain.enters, walk[0] ?? 0, times);
    for (let i = 1; i < walk.length; i++) add(chain.moves, (walk[i - 1] ?? 0) * size + (walk[i] ?? 0), times);
    add(chain.converts, walk.at(-1) ?? 0, conversions);
    add(chain.leaves, walk.at(-1) ?? 0, times);
  }
  return chain;
}

function add(counts: Float64Array, index: number, amount: number): void {
  counts[index] = (counts[index] ?? 0) + amount;
}

function tooMany(channels: number, order: number): InvalidInput {
  return new InvalidInput([
    {
      field: "order",
      description: `${order}, over ${channels} channels, makes more than ${chainStatesMax} states: take a lower order, or group channels`,
    },
  ]);
}
