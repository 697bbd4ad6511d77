import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Engine } from "../src/start/index.ts";

/** What the engine's processes, servers included, have used. */
export type Figures = {
  /** User and system time by process, s. */
  readonly cpuS: Readonly<Record<string, number>>;
  /** Resident memory by process, MB. */
  readonly rssMb: Readonly<Record<string, number>>;
  /** Time that the whole machine was busy, s. */
  readonly machineCpuS: number;
};

/** Linux counts processor time in hundredths of a second, whatever its own clock is (USER_HZ). */
const ticksPerS = 100;
const bytesPerPage = 4_096;
const bytesPerMb = 1e6;

/** Reads them from /proc. @throws Error on other systems than Linux. */
export function readFigures(engine: Engine): Figures {
  const cpuS: Record<string, number> = {};
  const rssMb: Record<string, number> = {};
  for (const { name, pid } of processesOf(engine)) {
    if (pid === undefined) continue;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the name, which may have spaces: state is field 3, user and system time are 14 and 15, resident pages 24 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const field = (number: number) => Number(fields[number - 3]);
    cpuS[name] = (field(14) + field(15)) / ticksPerS;
    rssMb[name] = (field(24) * bytesPerPage) / bytesPerMb;
  }
  return { cpuS, rssMb, machineCpuS: busyS() };
}

function busyS(): number {
  return cpus().reduce((total, { times }) => total + times.user + times.nice + times.sys + times.irq, 0) / 1_000;
}

function processesOf({ processes, servers }: Engine) {
  return [...processes.map(({ process }) => process), servers.nats, servers.mongo].filter((one) => one !== undefined);
}

/** Time used between two readings. */
export function cpuBetween(before: Figures, after: Figures): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after.cpuS).map(([name, s]) => [name, Math.round((s - (before.cpuS[name] ?? 0)) * 100) / 100]),
  );
}

export function sum(values: readonly number[] | Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}
