/** See lock-file.mjs; plain JavaScript because the set-up also runs it on a Node that cannot read TypeScript. */
export declare function takeLock(
  path: string,
): Promise<{ kind: "taken"; release: () => Promise<void> } | { kind: "held"; pid: number }>;
