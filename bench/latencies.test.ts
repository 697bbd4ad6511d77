import { describe, expect, it } from "vitest";
import { Latencies } from "./latencies.ts";

describe("latencies", () => {
  it("are told to three digits, tails included", () => {
    const latencies = new Latencies();
    for (let ms = 1; ms <= 1_000; ms += 1) latencies.record(ms);
    const { p50, p99, p999, max } = latencies.percentiles();
    expect(Math.abs(p50 - 500)).toBeLessThan(0.5);
    expect(Math.abs(p99 - 990)).toBeLessThan(1);
    expect(Math.abs(p999 - 999)).toBeLessThan(1);
    expect(Math.abs(max - 1_000)).toBeLessThan(1);
  });

  it("of several processes add up", () => {
    const [ours, theirs] = [new Latencies(), new Latencies()];
    ours.record(1);
    theirs.record(9);
    ours.add(theirs.toText());
    expect(ours.count).toBe(2);
    expect(ours.percentiles().max).toBeCloseTo(9, 1);
  });

  it("below zero, by which two clocks may differ, count as zero", () => {
    const latencies = new Latencies();
    latencies.record(-0.02);
    expect(latencies.percentiles().max).toBe(0);
  });
});
