import { type Cell, CellSum, type EventGroup } from "./cell.ts";

/** Everything that was counted in one span. */
export type Counted = {
  /** Of everybody: cells add up to totals. */
  readonly cells: readonly Cell[];
  /** The same for each segment, by campaign and channel alone: who is in two segments counts in both, so these don't add up. Absent where
   *  nobody was in any. */
  readonly segments?: readonly SegmentCells[];
};

/** What was counted of those who were in a segment when it was decided. */
export type SegmentCells = { readonly segment: string; readonly cells: readonly Cell[] };

/** An event is counted in so many segments at most, the first by their ids: what it costs to keep is bounded. */
export const SEGMENTS_COUNTED_MAX = 10;

/** Adds up what was counted, for everybody and for each segment. */
export class CountedSum {
  readonly #all = new CellSum();
  readonly #bySegment = new Map<string, CellSum>();

  addGroup(group: EventGroup): void {
    this.#all.addGroup(group);
    for (const segment of group.segments ?? [])
      this.#of(segment).addGroup({ ...group, variant: "", template: "", locale: "" });
  }

  add({ cells, segments = [] }: Counted): void {
    for (const cell of cells) this.#all.addCell(cell);
    for (const one of segments) for (const cell of one.cells) this.#of(one.segment).addCell(cell);
  }

  /** In order of keys and segments, so that the same counts are the same to the byte. */
  toCounted(): Counted {
    const cells = this.#all.toCells();
    if (this.#bySegment.size === 0) return { cells };
    const segments = [...this.#bySegment]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([segment, sum]) => ({ segment, cells: sum.toCells() }));
    return { cells, segments };
  }

  #of(segment: string): CellSum {
    const sum = this.#bySegment.get(segment) ?? new CellSum();
    this.#bySegment.set(segment, sum);
    return sum;
  }
}
