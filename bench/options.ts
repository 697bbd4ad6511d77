import { parseArgs } from "node:util";

/** A mistake on the command line: one sentence, and no stack trace. */
export class UsageError extends Error {}

export type OptionNames = {
  readonly numbers: readonly string[];
  readonly flags?: readonly string[];
  readonly texts?: readonly string[];
};

export type Options = {
  /** A positive number. @throws UsageError when it is not. */
  number(name: string, fallback: number): number;
  findNumber(name: string): number | undefined;
  flag(name: string): boolean;
  /** One of a closed set. The first is the default. */
  choice<T extends string>(name: string, choices: readonly [T, ...T[]]): T;
};

/** Reads `--name value` and `--flag`. @throws UsageError that names what is unknown or bad. */
export function parseOptions(args: readonly string[], names: OptionNames): Options {
  const values = readValues(args, names);
  const findNumber = (name: string): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && value > 0) return value;
    throw new UsageError(`--${name} ${String(text)}: a positive number is wanted`);
  };
  return {
    findNumber,
    number: (name, fallback) => findNumber(name) ?? fallback,
    flag: (name) => values[name] === true,
    choice: (name, choices) => {
      const text = values[name] ?? choices[0];
      const found = choices.find((choice) => choice === text);
      if (found === undefined)
        throw new UsageError(`--${name} ${String(text)}: one of ${choices.join(", ")} is wanted`);
      return found;
    },
  };
}

function readValues(args: readonly string[], names: OptionNames): Record<string, string | boolean | undefined> {
  const valued = [...names.numbers, ...(names.texts ?? [])].map((name) => [name, { type: "string" }] as const);
  const flags = (names.flags ?? []).map((name) => [name, { type: "boolean" }] as const);
  try {
    const { values } = parseArgs({ args: [...args], options: Object.fromEntries([...valued, ...flags]), strict: true });
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.at(-1) : value]),
    );
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
