import type { PresentationKind } from "../client/index.ts";

/** How much a page may show of its own accord: toasts, banners, modals and placements together, in all tabs. */
export interface Limits {
  /** Within `windowMs`. Default: 4. */
  readonly messagesMax: number;
  /** Default: 10 minutes. */
  readonly windowMs: number;
  /** A session ends after half an hour without a page of the shop. Default: 1. */
  readonly modalsPerSession: number;
}

export const defaultLimits: Limits = { messagesMax: 4, windowMs: 600_000, modalsPerSession: 1 };

/** One that was put on the screen. */
export interface Showing {
  readonly id: string;
  readonly kind: PresentationKind;
  readonly atMs: number;
}

/** Undefined: not in this session. */
export type Wait = { readonly kind: "now" } | { readonly kind: "until"; readonly atMs: number | undefined };

/** When the next message may be shown. What a placement shows is a part of the page and never waits, though it counts. */
export function waitFor(
  kind: PresentationKind,
  shown: readonly Showing[],
  limits: Limits,
  { nowMs, sessionStartMs }: { readonly nowMs: number; readonly sessionStartMs: number },
): Wait {
  if (kind === "inline") return { kind: "now" };
  const modals = shown.filter((one) => one.kind === "modal" && one.atMs >= sessionStartMs);
  if (kind === "modal" && modals.length >= limits.modalsPerSession) return { kind: "until", atMs: undefined };
  const recent = shown
    .map(({ atMs }) => atMs)
    .filter((atMs) => atMs > nowMs - limits.windowMs)
    .sort((a, b) => a - b);
  // The window has room again when all but `messagesMax - 1` of them have left it.
  const blocking = recent[recent.length - limits.messagesMax];
  return recent.length < limits.messagesMax
    ? { kind: "now" }
    : { kind: "until", atMs: blocking === undefined ? undefined : blocking + limits.windowMs };
}
