/** Where something waits to be handled: with everybody else, or with those that have much to be handled already. */
export type Lane = "main" | "bulk";

/** What was put on a stream, and where in it. */
type Published = { readonly sequence: number; count: number };
type Line = {
  /** Of the main lane, in order. */
  published: Published[];
  /** Of the main lane, also what is being published. */
  inMain: number;
  /** Being published on the bulk lane. */
  towardsBulk: number;
  /** The newest on the bulk lane; 0 when all of it is handled. */
  lastInBulk: number;
};

/** Keeps the main lane short: what a line puts on it is bounded, and the rest goes to the bulk lane, where it waits for itself and
 *  its like. A line is what must not harm others, such as a workspace. Once on the bulk lane, a line stays there until all it has
 *  there is handled, so that what comes later does not overtake; only what is on the main lane still can be overtaken.
 *
 *  Pure: it is told what was published and up to where a lane is handled. What it is not told of counts as waiting. */
export class LaneChooser {
  readonly #mainMax: number;
  readonly #lines = new Map<string, Line>();

  /** @param mainMax items that a line may have waiting on the main lane. */
  constructor(mainMax: number) {
    this.#mainMax = mainMax;
  }

  /** Lines of which something waits. */
  get lines(): readonly string[] {
    return [...this.#lines.keys()];
  }

  /** Whether a line needs to be told soon how far its lanes are: it waits on the bulk lane, or is on its way there. */
  isPressed(name: string): boolean {
    const line = this.#lines.get(name);
    return line !== undefined && (isInBulk(line) || line.inMain * 2 > this.#mainMax);
  }

  /** Where so many items of a line go, all of them. They count as waiting from now on; `published` must follow. */
  choose(name: string, count: number): Lane {
    const line = this.#lines.get(name) ?? { published: [], inMain: 0, towardsBulk: 0, lastInBulk: 0 };
    this.#lines.set(name, line);
    if (isInBulk(line) || line.inMain + count > this.#mainMax) {
      line.towardsBulk += count;
      return "bulk";
    }
    line.inMain += count;
    return "main";
  }

  /** Some of the items that a lane was chosen for are on the stream, or will not be: then `sequence` is undefined. */
  published(name: string, to: { readonly lane: Lane; readonly count: number; readonly sequence: number | undefined }) {
    const line = this.#lines.get(name);
    if (line === undefined) return;
    const { count, lane, sequence } = to;
    if (lane === "bulk") {
      line.towardsBulk -= count;
      line.lastInBulk = Math.max(line.lastInBulk, sequence ?? 0);
    } else if (sequence === undefined) line.inMain -= count;
    else add(line.published, { sequence, count });
    this.#forgetIdle(name, line);
  }

  /** Everything of a line's lane up to this sequence is handled. */
  handled(name: string, upTo: { readonly lane: Lane; readonly sequence: number }): void {
    const line = this.#lines.get(name);
    if (line === undefined) return;
    if (upTo.lane === "bulk") {
      if (line.lastInBulk <= upTo.sequence) line.lastInBulk = 0;
    } else {
      const done = line.published.filter(({ sequence }) => sequence <= upTo.sequence);
      line.published = line.published.filter(({ sequence }) => sequence > upTo.sequence);
      line.inMain -= done.reduce((sum, { count }) => sum + count, 0);
    }
    this.#forgetIdle(name, line);
  }

  /** The newest sequence of a line on a lane; 0 when nothing of it waits there. */
  newestOf(name: string, lane: Lane): number {
    const line = this.#lines.get(name);
    if (line === undefined) return 0;
    return lane === "bulk" ? line.lastInBulk : Math.max(0, ...line.published.map(({ sequence }) => sequence));
  }

  #forgetIdle(name: string, line: Line): void {
    if (line.inMain === 0 && !isInBulk(line)) this.#lines.delete(name);
  }
}

/** Items of one message have its sequence: counted together, a line has few of these. */
function add(published: Published[], more: Published): void {
  const last = published.at(-1);
  if (last?.sequence === more.sequence) last.count += more.count;
  else published.push(more);
}

const isInBulk = ({ towardsBulk, lastInBulk }: Line) => towardsBulk > 0 || lastInBulk > 0;
