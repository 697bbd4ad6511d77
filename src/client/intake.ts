import type { InterventionFrame } from "./frame.ts";
import { advance, type Memory } from "./memory.ts";

/** What to do with an intervention that has just come. */
export type Intake =
  /** New: show it, then say with `settle` whether a listener took it. */
  | { readonly kind: "show"; settle(isTaken: boolean): void }
  /** Shown before: only acknowledge it again, since the first acknowledgement may be lost. */
  | { readonly kind: "repeat" }
  /** Expired, revoked, or failed in a listener before: neither show nor acknowledge it. */
  | { readonly kind: "withhold" };

/** Decides by what this device remembers. The intervention is remembered before it is shown, so that
 *  nothing a listener does can bring it in twice. */
export function takeIn(memory: Memory, frame: InterventionFrame, serverNow: number): Intake {
  const id = frame.interventionId;
  const fate = memory.seen.fate(id);
  advance(memory, frame.offset);
  if (fate !== undefined) {
    memory.seen.mark(id, fate);
    return { kind: fate === "shown" ? "repeat" : "withhold" };
  }
  memory.seen.mark(id, "withheld");
  if (frame.expireTimeMs !== undefined && frame.expireTimeMs <= serverNow) return { kind: "withhold" };
  return {
    kind: "show",
    settle: (isTaken) => {
      // A listener may have closed the client or the user changed meanwhile; a revoke cannot have come.
      if (isTaken) memory.seen.mark(id, "shown");
    },
  };
}

/** @returns whether this revoke is news: the page may have to take something off the screen. */
export function takeBack(memory: Memory, frame: { readonly offset: string; readonly interventionId: string }): boolean {
  const isNews = memory.seen.fate(frame.interventionId) !== "revoked";
  advance(memory, frame.offset);
  memory.seen.mark(frame.interventionId, "revoked");
  return isNews;
}
