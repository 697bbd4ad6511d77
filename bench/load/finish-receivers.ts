import { Latencies } from "../latencies.ts";
import { untilStill } from "../until-still.ts";
import type { Receivers } from "./receivers.ts";

const pollMs = 200;

/** Until as much has been received as was accepted and every report is confirmed, or nothing moves any more. */
export async function untilReceived({ all }: Receivers, accepted: number, stillMsMax: number): Promise<void> {
  await untilStill({
    stillMsMax,
    pollMs,
    left: async () => {
      const counts = await Promise.all(
        all.map((receiver) => {
          const counted = receiver.next("counted");
          receiver.send({ kind: "count" });
          return counted;
        }),
      );
      const received = counts.reduce((total, count) => total + count.received, 0);
      return Math.max(0, accepted - received) + counts.reduce((total, count) => total + count.untracked, 0);
    },
  });
}

/** Ends the receivers, and adds up what they have seen. */
export async function finish({ all }: Receivers) {
  const reports = await Promise.all(
    all.map((receiver) => {
      const finished = receiver.next("finished");
      receiver.send({ kind: "finish" });
      return finished;
    }),
  );
  const ids = new Set<string>();
  const arrivals: (readonly [id: string, ms: number])[] = [];
  const latencies = new Latencies();
  const faults: Record<string, number> = {};
  let [twice, closed, cpuS] = [0, 0, 0];
  for (const report of reports) {
    for (const id of report.ids) ids.add(id);
    arrivals.push(...report.arrivals);
    latencies.add(report.latencies);
    for (const [reason, times] of Object.entries(report.faults)) faults[reason] = (faults[reason] ?? 0) + times;
    twice += report.twice;
    closed += report.closed;
    cpuS += report.cpuS;
  }
  return { ids, arrivals, latencies, faults, twice, closed, cpuS };
}
