import { describe, expect, it, test } from "vitest";
import type { Cell } from "./cell.ts";
import { findAlarms, THRESHOLDS } from "./find-alarms.ts";

const cell = (campaign: string, counts: Record<string, number>, more: Partial<Cell["key"]> = {}): Cell => ({
  key: { campaign, channel: "email", variant: "", template: "", locale: "", ...more },
  ...{ counts, amounts: {}, stages: {} },
});

describe("alarms", () => {
  test.each([
    { name: "as many complaints as are allowed", counts: { sent: 1_000, complained: 1 }, kinds: [] },
    { name: "more complaints than are allowed", counts: { sent: 1_000, complained: 2 }, kinds: ["complained"] },
    { name: "many of few messages", counts: { sent: 999, complained: 50, unsubscribed: 50 }, kinds: [] },
    { name: "more unsubscribes than are allowed", counts: { sent: 1_000, unsubscribed: 6 }, kinds: ["unsubscribed"] },
    { name: "what waits in inboxes too", counts: { sent: 1_000, inboxed: 1_000, complained: 2 }, kinds: [] },
    { name: "nothing sent", counts: { complained: 2 }, kinds: [] },
  ])("of $name: $kinds", ({ counts, kinds }) => {
    expect(findAlarms([cell("spring", counts)], THRESHOLDS).map(({ kind }) => kind)).toEqual(kinds);
  });

  it("are of a campaign on a channel, whatever its languages and templates, the worst first", () => {
    const cells = [
      cell("spring", { sent: 600, complained: 1 }, { locale: "fr" }),
      cell("spring", { sent: 600, complained: 1 }, { locale: "de", template: "hello@2" }),
      cell("spring", { sent: 5_000 }, { channel: "sms" }),
      cell("autumn", { sent: 1_000, unsubscribed: 50 }),
    ];
    expect(findAlarms(cells, THRESHOLDS)).toEqual([
      {
        kind: "unsubscribed",
        campaign: "autumn",
        channel: "email",
        count: 50,
        sent: 1_000,
        rate: 0.05,
        rateMax: 0.005,
      },
      {
        kind: "complained",
        campaign: "spring",
        channel: "email",
        count: 2,
        sent: 1_200,
        rate: 2 / 1_200,
        rateMax: 0.001,
      },
    ]);
  });

  it("are none of what a workspace does not ask for, not even where it sent nothing", () => {
    const never = { rateMax: { complained: 0, unsubscribed: 0 }, sentMin: 0 };
    expect(findAlarms([cell("spring", { sent: 1, complained: 1 }), cell("autumn", {})], never)).toEqual([]);
  });
});
