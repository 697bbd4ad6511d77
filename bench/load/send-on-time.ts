import { setTimeout as delay } from "node:timers/promises";
import { machineMs } from "../latencies.ts";
import { intendedMs, type Schedule } from "./messages.ts";

/** Sends at the intended times whether or not the engine keeps up: a slow answer holds nothing back, and so hides nothing.
 *  @param options.from the number that comes first; below 0 is the warm-up. @param options.send is given the numbers from `first` to
 *  `end`, `end` not included, as many as a batch of the schedule.
 *  @returns once all is answered, how late the sender itself was at worst, ms: a part of every latency that is not the engine's. */
export async function sendOnTime(options: {
  readonly schedule: Schedule;
  readonly from: number;
  readonly to: number;
  readonly send: (first: number, end: number) => Promise<void>;
}): Promise<{ readonly lateMsMax: number }> {
  const { from, schedule, send, to } = options;
  const underWay = new Set<Promise<void>>();
  let lateMsMax = 0;
  for (let first = from; first < to; ) {
    const nowMs = machineMs();
    const dueMs = intendedMs(schedule, first);
    if (dueMs > nowMs) {
      await delay(dueMs - nowMs);
      continue;
    }
    if (first >= 0) lateMsMax = Math.max(lateMsMax, nowMs - dueMs);
    const end = Math.min(to, first + schedule.batch);
    const sending = send(first, end).finally(() => underWay.delete(sending));
    underWay.add(sending);
    first = end;
  }
  await Promise.all(underWay);
  return { lateMsMax };
}
