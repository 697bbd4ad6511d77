import { describe, expect, it } from "vitest";
import { toRateLimitHeaders } from "./rate-limit-headers.ts";

describe("the rate limit headers", () => {
  it("tell quota and window, and what is left of it until when, of each limit", () => {
    expect(
      toRateLimitHeaders([
        { name: "key", burst: 100, ratePerS: 50, tokens: 41.7, fullInMs: 1_166 },
        { name: "workspace", burst: 1_000, ratePerS: 200, tokens: 1_000, fullInMs: 0 },
      ]),
    ).toEqual({
      policy: '"key";q=100;w=2, "workspace";q=1000;w=5',
      limit: '"key";r=41;t=2, "workspace";r=1000;t=0',
    });
  });

  it("never tell of less than nothing, though a bucket can be in debt", () => {
    expect(toRateLimitHeaders([{ name: "key", burst: 1, ratePerS: 10, tokens: -5, fullInMs: 600 }]).limit).toBe(
      '"key";r=0;t=1',
    );
  });
});
