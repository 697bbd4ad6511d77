import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";

/** Of one run, in ms to a hundredth. */
export type Percentiles = { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number };

const usMax = 3_600_000_000;

/** Collects latencies of up to an hour, to three significant digits (HdrHistogram by Gil Tene). */
export class Latencies {
  readonly #histogram: Histogram;

  constructor() {
    this.#histogram = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: usMax,
      numberOfSignificantValueDigits: 3,
    });
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(usMax, Math.max(0, Math.round(ms * 1_000))));
  }

  /** Takes in what another process has counted, as its `toText`. */
  add(text: string): void {
    this.#histogram.add(decodeFromCompressedBase64(text));
  }

  toText(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  percentiles(): Percentiles {
    const at = (percentile: number) => Math.round(this.#histogram.getValueAtPercentile(percentile) / 10) / 100;
    return { p50: at(50), p99: at(99), p999: at(99.9), max: at(100) };
  }
}

/** Wall clocks of two processes may be corrected apart from each other; this one the kernel keeps for the whole machine. */
export function machineMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
