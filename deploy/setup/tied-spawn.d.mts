import type { ChildProcess, SpawnOptions } from "node:child_process";

/** See tied-spawn.mjs; plain JavaScript because the set-up also runs it on a Node that cannot read TypeScript. */
export declare function tiedSpawn(
  command: string,
  args: readonly string[],
  options?: SpawnOptions & { tie?: "pdeathsig" | "pipe" },
): ChildProcess;
