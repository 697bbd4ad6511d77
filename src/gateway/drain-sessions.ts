import type { Session } from "./session.ts";

const SLICE_MS = 50;
/** Their last events get this long to reach the disk once all have been told to go. */
const LAST_MS_MAX = 5_000;

/** Sends every session elsewhere, a slice at a time over `drainMs`, each with a hint of its own how long to wait: ten
 *  thousand clients that came back in one moment would overrun the next gateway. */
export async function drainSessions(sessions: ReadonlySet<Session>, drainMs: number): Promise<void> {
  const slices = Math.max(1, Math.ceil(drainMs / SLICE_MS));
  for (let slice = 0; slice < slices && sessions.size > 0; slice += 1) {
    const count = Math.ceil(sessions.size / (slices - slice));
    let told = 0;
    for (const session of sessions) {
      if (told === count) break;
      if (session.isDraining) continue;
      session.drain(Math.floor(Math.random() * drainMs));
      told += 1;
    }
    if (slice < slices - 1) await pause(Math.min(SLICE_MS, drainMs));
  }
  for (const session of sessions) session.drain(Math.floor(Math.random() * drainMs));
  for (const deadline = performance.now() + LAST_MS_MAX; sessions.size > 0 && performance.now() < deadline; )
    await pause(SLICE_MS / 5);
  for (const session of sessions) session.close("drain");
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
