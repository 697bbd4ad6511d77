import { describe, expect, it } from "vitest";
import { z } from "zod";
import { InvalidInput } from "../domain/errors.ts";
import { parsePageSize, parsePageToken, toPageToken } from "./page-token.ts";

const position = z.tuple([z.number(), z.string()]);

describe("a page token", () => {
  const token = toPageToken([7, "x"], ["list", "main", ""]);

  it("gives its position back to the same list, and the first page has none", () => {
    expect(parsePageToken(token, ["list", "main", ""], position)).toEqual([7, "x"]);
    expect(parsePageToken("", ["list", "main", ""], position)).toBeUndefined();
  });

  it.each([
    { what: "of another list", token, scope: ["list", "main", "u"] },
    { what: "that was made up", token: "abc", scope: ["list", "main", ""] },
    { what: "with another position", token: toPageToken(["x"], ["list", "main", ""]), scope: ["list", "main", ""] },
  ])("$what is refused", ({ token: bad, scope }) => {
    expect(() => parsePageToken(bad, scope, position)).toThrow(InvalidInput);
  });

  it("has a page of the default size when none is asked for, and never one out of bounds", () => {
    expect(parsePageSize(0, { fallback: 20, max: 100 })).toBe(20);
    expect(parsePageSize(100, { fallback: 20, max: 100 })).toBe(100);
    expect(() => parsePageSize(101, { fallback: 20, max: 100 })).toThrow("page_size: 101 is not in 1-100");
    expect(() => parsePageSize(-1, { fallback: 20, max: 100 })).toThrow(InvalidInput);
  });
});
