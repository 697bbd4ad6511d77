/** Outcomes count half after thirty days, where nothing else is said: longer than a season's sale, shorter than a season. */
export const DEFAULT_HALF_LIFE_MS = 30 * 86_400_000;
