import { describe, expect, it } from "vitest";
import { InvalidInput } from "../domain/errors.ts";
import { createMetrics } from "../observe/index.ts";
import { countHeard } from "./count-heard.ts";

const NOW = new Date("2026-01-02T03:04:05Z");

function start() {
  const { heardLag } = createMetrics();
  let malformed = 0;
  const hear = countHeard({
    from: "events",
    parse: (ages: readonly number[] | string) => {
      if (ages === "garbage") throw new InvalidInput([{ field: "data", description: "garbage" }]);
      if (typeof ages === "string") throw new Error(ages);
      return ages;
    },
    timesOf: (ages) => ages.map((age) => new Date(NOW.getTime() - age * 1_000)),
    metrics: { countMalformed: () => (malformed += 1), heardLag },
    now: () => NOW,
  });
  const lag = async () => {
    const { values } = await heardLag.get();
    const of = (name: string) => values.find(({ metricName }) => metricName?.endsWith(name) === true)?.value;
    return { count: of("_count"), sum: of("_sum") };
  };
  return { hear, lag, malformed: () => malformed };
}

describe("what is heard from a neighbour", () => {
  it("is counted by its age, each of a batch, and handed on as it was read", async () => {
    const { hear, lag, malformed } = start();
    expect(hear([5, 2])).toEqual([5, 2]);
    expect(await lag()).toEqual({ count: 2, sum: 7 });
    expect(malformed()).toBe(0);
  });

  it("is not younger than now when its clock goes ahead of ours", async () => {
    const { hear, lag } = start();
    hear([-3]);
    expect(await lag()).toEqual({ count: 1, sum: 0 });
  });

  it("is counted as malformed when it can't be read, and refused all the same", () => {
    const { hear, malformed } = start();
    expect(() => hear("garbage")).toThrow(InvalidInput);
    expect(malformed()).toBe(1);
  });

  it("is not held against the neighbour when the failure is our own", () => {
    const { hear, malformed } = start();
    expect(() => hear("a bug")).toThrow("a bug");
    expect(malformed()).toBe(0);
  });
});
