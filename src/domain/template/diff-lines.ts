/** A line of one text or of both, with its numbers from 1. */
export type LineDiff = { readonly text: string; readonly from?: number; readonly to?: number };

/** More is compared as a whole: what is between the first and the last difference is taken out and put in. */
const CELLS_MAX = 4_000_000;

/** What two texts differ in, by lines, with so many around each change. Nothing when they are the same.
 *  By a longest common subsequence (Wagner and Fischer, 1974), after what is equal at both ends. */
export function diffLines(before: string, after: string, around = 3): LineDiff[] {
  if (before === after) return [];
  const [from, to] = [before, after].map((text) => (text === "" ? [] : text.split("\n"))) as [string[], string[]];
  let head = 0;
  while (head < from.length && head < to.length && from[head] === to[head]) head += 1;
  let tail = 0;
  const least = Math.min(from.length, to.length) - head;
  while (tail < least && from[from.length - 1 - tail] === to[to.length - 1 - tail]) tail += 1;
  const middle = diffMiddle(from.slice(head, from.length - tail), to.slice(head, to.length - tail));
  const both = (at: number): Step => ({ fromAt: at, toAt: at });
  const steps: Step[] = [
    ...Array.from({ length: head }, (_, index) => both(index)),
    ...middle.map(({ fromAt, toAt }) => ({
      ...(fromAt === undefined ? {} : { fromAt: fromAt + head }),
      ...(toAt === undefined ? {} : { toAt: toAt + head }),
    })),
    ...Array.from({ length: tail }, (_, index) => ({
      fromAt: from.length - tail + index,
      toAt: to.length - tail + index,
    })),
  ];
  return steps
    .filter((_, index) => steps.slice(Math.max(0, index - around), index + around + 1).some(isChange))
    .map(({ fromAt, toAt }) => ({
      text: (fromAt === undefined ? to[toAt ?? 0] : from[fromAt]) ?? "",
      ...(fromAt === undefined ? {} : { from: fromAt + 1 }),
      ...(toAt === undefined ? {} : { to: toAt + 1 }),
    }));
}

type Step = { readonly fromAt?: number; readonly toAt?: number };
const isChange = ({ fromAt, toAt }: Step) => fromAt === undefined || toAt === undefined;

function diffMiddle(from: readonly string[], to: readonly string[]): Step[] {
  const width = to.length + 1;
  const removed = from.map((_, fromAt): Step => ({ fromAt }));
  const added = to.map((_, toAt): Step => ({ toAt }));
  if (from.length * to.length > CELLS_MAX) return [...removed, ...added];
  // The length of the longest common subsequence of what is left from each pair of places on.
  const lengths = new Uint32Array((from.length + 1) * width);
  for (let i = from.length - 1; i >= 0; i -= 1)
    for (let j = to.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] =
        from[i] === to[j]
          ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    if (i < from.length && j < to.length && from[i] === to[j]) steps.push({ fromAt: i++, toAt: j++ });
    else if (
      j >= to.length ||
      (i < from.length && (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))
    )
      steps.push({ fromAt: i++ });
    else steps.push({ toAt: j++ });
  }
  return steps;
}
