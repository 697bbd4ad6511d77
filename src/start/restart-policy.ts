export interface RestartPolicy {
  readonly firstDelayMs: number;
  readonly delayMsMax: number;
  /** Who stayed up this long has recovered: his next death starts again at the first delay. */
  readonly recoveredAfterMs: number;
}

/** Quick enough that a single death is hardly noticed, slow enough that a broken process does not eat a core. */
export const defaultRestartPolicy: RestartPolicy = { firstDelayMs: 100, delayMsMax: 5_000, recoveredAfterMs: 30_000 };

/** Doubles from the first delay to the greatest. `lastDelayMs` is undefined before the first death. */
export function nextRestartDelayMs(
  policy: RestartPolicy,
  { lastDelayMs, upMs }: { lastDelayMs: number | undefined; upMs: number },
): number {
  if (lastDelayMs === undefined || upMs >= policy.recoveredAfterMs) return policy.firstDelayMs;
  return Math.min(lastDelayMs * 2, policy.delayMsMax);
}
