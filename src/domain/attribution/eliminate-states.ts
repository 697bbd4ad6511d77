/** Counts of an absorbing chain, of which states are taken out one by one. What is changed is changed in place. */
export type Counts = {
  readonly size: number;
  /** size², row by row. */
  readonly moves: Float64Array;
  /** For each state, how often the chain ends right after it. */
  readonly leaves: Float64Array;
  /** More that flows along the rows: counts to a conversion of each state, or of entries into each. */
  readonly converts: Float64Array;
  readonly enters: Float64Array;
};

/** Takes a state out and lets its neighbours be followed by each other as often as they were through it. Grassmann, Taksar and Heyman's
 *  form of Gaussian elimination ("Regenerative Analysis and Steady State Distributions for Markov Chains", Operations Research 33
 *  (1985), 1107-1116): a diagonal is summed from the rest of its row instead of being 1 − p, so that only numbers ≥ 0 are added,
 *  multiplied and divided. Nothing cancels: results are right to a few ulp each, however small, however long paths circle.
 *  @param kept the states that stay or are taken out later. Their entries are all that is read and written. */
export function eliminateState(state: number, kept: Int32Array, counts: Counts): void {
  const { size, moves, leaves, converts, enters } = counts;
  const row = state * size;
  const followers = kept.filter((to) => (moves[row + to] ?? 0) > 0);
  let out = leaves[state] ?? 0;
  for (const to of followers) out += moves[row + to] ?? 0;
  // Never followed by anything: no path of any weight came here.
  if (out === 0) return;
  const shares = Float64Array.from(followers, (to) => (moves[row + to] ?? 0) / out);
  const leaving = (leaves[state] ?? 0) / out;
  const converting = (converts[state] ?? 0) / out;
  spread(enters[state] ?? 0, { followers, shares, target: enters, base: 0 });
  for (const from of kept) {
    const count = moves[from * size + state] ?? 0;
    if (count === 0) continue;
    spread(count, { followers, shares, target: moves, base: from * size });
    leaves[from] = (leaves[from] ?? 0) + count * leaving;
    converts[from] = (converts[from] ?? 0) + count * converting;
  }
}

type Spread = {
  readonly followers: Int32Array;
  readonly shares: Float64Array;
  readonly target: Float64Array;
  readonly base: number;
};

/** Where nearly all the time goes: indexed loops over typed arrays, which the compiler turns into a few instructions. */
function spread(count: number, { followers, shares, target, base }: Spread): void {
  for (let i = 0; i < followers.length; i++) {
    const index = base + (followers[i] ?? 0);
    target[index] = (target[index] ?? 0) + count * (shares[i] ?? 0);
  }
}

/** The probability that a conversion follows each state: all are taken out, then put in again in reverse order. */
export function conversionProbabilities({ size, moves, leaves, converts, enters }: Counts): Float64Array {
  const counts = {
    size,
    moves: moves.slice(),
    leaves: leaves.slice(),
    converts: converts.slice(),
    enters: enters.slice(),
  };
  for (let state = 0; state < size; state++) eliminateState(state, laterThan(state, size), counts);
  const result = new Float64Array(size);
  for (let state = size - 1; state >= 0; state--) {
    let out = counts.leaves[state] ?? 0;
    let sum = counts.converts[state] ?? 0;
    for (let to = state + 1; to < size; to++) {
      const count = counts.moves[state * size + to] ?? 0;
      out += count;
      sum += count * (result[to] ?? 0);
    }
    result[state] = out === 0 ? 0 : sum / out;
  }
  return result;
}

function laterThan(state: number, size: number): Int32Array {
  return Int32Array.from({ length: size - state - 1 }, (_, index) => state + 1 + index);
}
