import { describe, expect, test } from "vitest";
import { parseProcesses } from "./processes.ts";

describe("PROCESSES", () => {
  test.each([
    { text: "api", expected: [["api"]] },
    {
      text: "api,gateway;decide,track,schedule",
      expected: [
        ["api", "gateway"],
        ["decide", "track", "schedule"],
      ],
    },
    { text: " gateway , api ; track", expected: [["api", "gateway"], ["track"]] },
  ])("'$text' is $expected.length process(es)", ({ text, expected }) => {
    expect(parseProcesses(text)).toEqual(expected);
  });
});
