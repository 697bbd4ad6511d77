import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type Showing, waitFor } from "./limits.ts";

const limits = { messagesMax: 2, windowMs: 1_000, modalsPerSession: 1 };
const toasts = (...times: number[]): Showing[] => times.map((atMs) => ({ id: String(atMs), kind: "toast", atMs }));
const modal = (atMs: number): Showing => ({ id: "m", kind: "modal", atMs });

describe("the limits over all tabs", () => {
  test.each([
    { name: "the first message", kind: "toast", shown: [], wait: { kind: "now" } },
    { name: "one with room in the window", kind: "toast", shown: toasts(9_500), wait: { kind: "now" } },
    {
      name: "one too many until the oldest leaves the window",
      kind: "toast",
      shown: toasts(9_900, 9_500),
      wait: { kind: "until", atMs: 10_500 },
    },
    {
      name: "a banner too: all kinds count together",
      kind: "banner",
      shown: [...toasts(9_500), modal(9_600)],
      wait: { kind: "until", atMs: 10_500 },
    },
    { name: "what has left the window", kind: "toast", shown: toasts(9_000, 8_000), wait: { kind: "now" } },
    { name: "a placement, whatever was shown", kind: "inline", shown: toasts(9_500, 9_600), wait: { kind: "now" } },
    {
      name: "a second modal in a session, for good",
      kind: "modal",
      shown: [modal(5_000)],
      wait: { kind: "until", atMs: undefined },
    },
    { name: "a modal after one of the session before", kind: "modal", shown: [modal(4_999)], wait: { kind: "now" } },
  ] as const)("lets wait or not: $name", ({ kind, shown, wait }) => {
    expect(waitFor(kind, shown, limits, { nowMs: 10_000, sessionStartMs: 5_000 })).toEqual(wait);
  });

  it("never lets more than the most into any window, whenever messages come", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (gaps, messagesMax) => {
          const shown: Showing[] = [];
          let nowMs = 0;
          for (const [index, gap] of gaps.entries()) {
            nowMs += gap;
            const wait = waitFor("toast", shown, { ...limits, messagesMax }, { nowMs, sessionStartMs: 0 });
            if (wait.kind === "now") shown.push({ id: String(index), kind: "toast", atMs: nowMs });
            // It says when there is room, and there is none a moment before.
            else expect(wait.atMs).toBeGreaterThan(nowMs);
          }
          for (const { atMs } of shown)
            expect(
              shown.filter((one) => one.atMs > atMs - limits.windowMs && one.atMs <= atMs).length,
            ).toBeLessThanOrEqual(messagesMax);
        },
      ),
    );
  });
});
