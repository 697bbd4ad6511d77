import { describe, expect, it } from "vitest";
import { addCounts, closingLine, toCounts } from "./test-counts.ts";

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

describe("the counts of a test run", () => {
  it("are those of its tests", () => {
    const testResults = [file("passed", "passed", "passed"), file("failed", "passed", "failed")];
    expect(toCounts({ testResults })).toEqual({ passed: 3, failed: 1, skipped: 0 });
  });

  it("have a failure for a file whose tests could not even be collected", () => {
    expect(toCounts({ testResults: [file("failed")] })).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it("add up over the tiers to the closing line", () => {
    const sum = addCounts({ passed: 3, failed: 1, skipped: 0 }, { passed: 4, failed: 0, skipped: 0 });
    expect(closingLine(sum)).toBe("7 passed, 1 failed");
    expect(closingLine({ ...sum, skipped: 2 })).toBe("7 passed, 1 failed, 2 skipped");
  });
});
