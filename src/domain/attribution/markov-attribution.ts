import type { ChannelPath } from "./channel-path.ts";
import { type Counts, conversionProbabilities, eliminateState } from "./eliminate-states.ts";
import { type PathChain, toPathChain } from "./path-chain.ts";

export type MarkovAttribution = {
  /** That a path ends in a conversion, by the chain. */
  readonly baseConversionProbability: number;
  /** The part of conversions that is lost when a channel is removed, in 0..1. */
  readonly removalEffects: ReadonlyMap<string, number>;
  /** All conversions, shared out by the removal effects. */
  readonly conversions: ReadonlyMap<string, number>;
};

/** Attribution by removal effects: paths are taken for a Markov chain, and a channel is worth what conversions fall by when every state
 *  that contains it leads nowhere. Source: Anderl, Becker, von Wangenheim and Schumann, "Mapping the customer journey: Lessons learned
 *  from graph-based online attribution modeling", International Journal of Research in Marketing 33 (2016), 457-474.
 *
 *  The effect is not taken as 1 − P(without)/P, which loses digits when it is small, but as what it means: the probability to
 *  convert by way of a state of the channel. That is, for each such state, to come there before any other of them, times
 *  converting from there.
 *  @param order how many touches a state of the chain remembers, ≥ 1.
 *  @throws InvalidInput when the chain has too many states; see `chainStatesMax`. */
export function markovAttribution(paths: readonly ChannelPath[], order: number): MarkovAttribution {
  const chain = toPathChain(paths, order);
  const total = paths.reduce((sum, path) => sum + path.conversions, 0);
  const size = chain.states.length;
  const fromState = conversionProbabilities({ size, ...chain });
  const converting = dot(chain.enters, fromState);
  const entering = chain.enters.reduce((sum, count) => sum + count, 0);
  const effects = new Map(chain.channels.map((channel) => [channel, 0]));
  if (converting > 0) {
    const states = Int32Array.from({ length: size }, (_, index) => index);
    const all = { counts: { size, ...chain }, states };
    byWayOf(chain, all, { fromState, from: 0, to: chain.channels.length }, (channel, through) => {
      effects.set(chain.channels[channel] ?? "", Math.min(1, through / converting));
    });
  }
  const sum = [...effects.values()].reduce((a, b) => a + b, 0);
  return {
    baseConversionProbability: entering === 0 ? 0 : converting / entering,
    removalEffects: effects,
    conversions: new Map([...effects].map(([channel, effect]) => [channel, sum === 0 ? 0 : (total * effect) / sum])),
  };
}

/** A chain of which only some states are left; `states[i]` is the number that its i-th had in the whole. */
type Part = { readonly counts: Counts; readonly states: Int32Array };

/** Tells of each channel in from..to how many paths convert by way of it. What two channels leave out alike is taken out once for both,
 *  and for all of their half of the channels: n channels cost little more than two. */
function byWayOf(
  chain: PathChain,
  part: Part,
  range: { readonly fromState: Float64Array; readonly from: number; readonly to: number },
  tell: (channel: number, through: number) => void,
): void {
  const { fromState, from, to } = range;
  const isOfRange = (state: number) => (chain.states[state] ?? []).some((channel) => channel >= from && channel < to);
  const kept = without(part, isOfRange);
  if (to - from === 1) {
    // Entries are now first arrivals: whatever led here went through no state of the channel.
    tell(
      from,
      dot(
        kept.counts.enters,
        Float64Array.from(kept.states, (state) => fromState[state] ?? 0),
      ),
    );
    return;
  }
  const middle = (from + to) >> 1;
  byWayOf(chain, kept, { fromState, from, to: middle }, tell);
  byWayOf(chain, kept, { fromState, from: middle, to }, tell);
}

/** A smaller chain of the states that are wanted, with the others taken out. */
function without(part: Part, isWanted: (state: number) => boolean): Part {
  const { size } = part.counts;
  const indices = [...part.states.keys()];
  const wanted = indices.filter((index) => isWanted(part.states[index] ?? 0));
  if (wanted.length === size) return part;
  const counts = {
    size,
    moves: part.counts.moves.slice(),
    leaves: part.counts.leaves.slice(),
    converts: part.counts.converts.slice(),
    enters: part.counts.enters.slice(),
  };
  const unwanted = indices.filter((index) => !isWanted(part.states[index] ?? 0));
  for (const [position, state] of unwanted.entries()) {
    eliminateState(state, Int32Array.from([...unwanted.slice(position + 1), ...wanted]), counts);
  }
  const pick = (values: Float64Array) => Float64Array.from(wanted, (index) => values[index] ?? 0);
  const moves = new Float64Array(wanted.length ** 2);
  for (const [row, from] of wanted.entries()) {
    for (const [column, to] of wanted.entries()) {
      moves[row * wanted.length + column] = counts.moves[from * size + to] ?? 0;
    }
  }
  return {
    counts: {
      size: wanted.length,
      moves,
      leaves: pick(counts.leaves),
      converts: pick(counts.converts),
      enters: pick(counts.enters),
    },
    states: Int32Array.from(wanted, (index) => part.states[index] ?? 0),
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}
