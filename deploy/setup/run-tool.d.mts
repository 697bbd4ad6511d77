/** See run-tool.mjs. */
export declare function runTool(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<{ kind: "missing" } | { kind: "ended"; code: number | null; output: string }>;
