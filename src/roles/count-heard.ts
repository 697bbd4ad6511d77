import { InvalidInput } from "../domain/errors.ts";
import type { Metrics } from "../observe/index.ts";

/** How what is heard from a neighbour is counted. */
export type HeardOptions<M, T> = {
  readonly from: "events" | "predictions";
  /** @throws InvalidInput when it is malformed. */
  readonly parse: (message: M) => T;
  /** When what it tells of happened or was foreseen, one time for each. */
  readonly timesOf: (heard: T) => readonly Date[];
  readonly metrics: {
    readonly countMalformed: () => void;
    readonly heardLag: Pick<Metrics["heardLag"], "observe">;
  };
  readonly now: () => Date;
};

/** Wraps what reads a message: counts what is malformed, and how old the rest was. A neighbour that is slow or sends garbage shows
 *  in these; one that sends nothing shows as counts that stand still. What is delivered again is counted again. */
export function countHeard<M, T>({ from, metrics, now, parse, timesOf }: HeardOptions<M, T>): (message: M) => T {
  return (message) => {
    try {
      const heard = parse(message);
      for (const time of timesOf(heard))
        metrics.heardLag.observe({ from }, Math.max(0, now().getTime() - time.getTime()) / 1_000);
      return heard;
    } catch (error) {
      if (error instanceof InvalidInput) metrics.countMalformed();
      throw error;
    }
  };
}
