import { toInterventionMessage } from "../../src/store/index.ts";
import type { BenchStore } from "../bench-store.ts";
import { Latencies } from "../latencies.ts";
import { intendedMs, numberOfPrediction, type Schedule } from "./messages.ts";

/** What predictions led to, without the warm-up. */
export type Numbered = {
  /** Interventions in the ledger. */
  readonly accepted: readonly string[];
  /** Those of them that arrived. */
  readonly ids: ReadonlySet<string>;
  /** From the intended time of the prediction to the arrival. */
  readonly latencies: Latencies;
};

/** A campaign says the same to everybody, so the frame has no number in it: the engine's ledger tells which prediction each
 *  intervention is of. */
export async function numberArrivals(
  store: BenchStore,
  arrivals: readonly (readonly [id: string, ms: number])[],
  schedule: Schedule,
): Promise<Numbered> {
  const numbers = new Map<string, number>();
  for await (const document of store.interventions.find({}, { projection: { message: 1 } })) {
    const n = numberOfPrediction(toInterventionMessage(document).trigger?.prediction?.predictionId ?? "");
    if (n >= 0) numbers.set(document._id, n);
  }
  const ids = new Set<string>();
  const latencies = new Latencies();
  for (const [id, ms] of arrivals) {
    const n = numbers.get(id);
    if (n === undefined) continue;
    ids.add(id);
    latencies.record(ms - intendedMs(schedule, n));
  }
  return { accepted: [...numbers.keys()], ids, latencies };
}
