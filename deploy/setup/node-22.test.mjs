import { realpathSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findNode22 } from "./node-22.mjs";

const here = process.execPath;

describe("the Node that the program runs on", () => {
  it("is the running one when that is a 22 that reads TypeScript", () => {
    expect(findNode22("/clone", { version: "22.18.0", execPath: here })).toBe(realpathSync(here));
  });

  it.each(["20.20.2", "22.17.1", "24.1.0"])(
    "is never a %s: without the pinned package it says what to do",
    (version) => {
      expect(() => findNode22("/clone", { version, execPath: here })).toThrow(/try again\.$/);
    },
  );
});
