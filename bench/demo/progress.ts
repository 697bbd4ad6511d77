const barWidth = 30;
const barEveryMs = 100;
const lineEveryMs = 5_000;

/** Shows how far a phase is: a bar that is drawn over on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  #shownMs = Number.NEGATIVE_INFINITY;
  #lastCounts = "";
  /** What ends the bar that is being drawn, if any. */
  #barEnd = "";

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** @param done of `total`, in `what`, such as "purchases accepted". */
  show(done: number, total: number, what: string): void {
    const nowMs = performance.now();
    const isDone = done >= total;
    if (!isDone && nowMs - this.#shownMs < (this.#out.isTTY ? barEveryMs : lineEveryMs)) return;
    this.#shownMs = nowMs;
    const filled = total === 0 ? barWidth : Math.min(barWidth, Math.floor((done / total) * barWidth));
    const counts = `${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} ${what}`;
    if (counts === this.#lastCounts) return;
    this.#lastCounts = counts;
    const bar = `[${"=".repeat(filled)}${" ".repeat(barWidth - filled)}] ${counts}`;
    if (!this.#out.isTTY) {
      this.#out.write(`${counts}\n`);
      return;
    }
    this.#out.write(`\r\u001b[2K${bar}`);
    this.#barEnd = "\n";
  }

  /** A line of its own, which ends the bar above it. */
  say(line: string): void {
    this.#out.write(`${this.#barEnd}${line}\n`);
    this.#barEnd = "";
    this.#lastCounts = "";
    this.#shownMs = Number.NEGATIVE_INFINITY;
  }
}
