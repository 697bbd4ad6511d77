import { describe, expect, it } from "vitest";
import { parseOptions, UsageError } from "./options.ts";

const names = { numbers: ["rate"], flags: ["json"], texts: ["transport"] };

describe("the options of a bench", () => {
  it("are read by name, with defaults for the others", () => {
    const options = parseOptions(["--rate", "50", "--json"], names);
    expect(options.number("rate", 1)).toBe(50);
    expect(options.flag("json")).toBe(true);
    expect(options.choice("transport", ["grpc", "connect"])).toBe("grpc");
  });

  it.each([
    ["is unknown", ["--speed", "5"], "speed"],
    ["is no number", ["--rate", "fast"], "--rate fast"],
    ["is not positive", ["--rate", "0"], "--rate 0"],
    ["is none of the choices", ["--transport", "pigeon"], "grpc, connect"],
    ["has no value", ["--rate"], "rate"],
  ])("are refused by name when one %s", (_name, args, words) => {
    const read = () => {
      const options = parseOptions(args, names);
      options.number("rate", 1);
      options.choice("transport", ["grpc", "connect"]);
    };
    expect(read).toThrow(UsageError);
    expect(read).toThrow(words);
  });
});
