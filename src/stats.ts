import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { InvalidInput } from "./domain/errors.ts";
import { readCases } from "./stats/read-cases.ts";
import { METHODS_BY_KIND, runCase } from "./stats/run-case.ts";

const help = `npm run -s stats -- FILE reckons the cases of a file through the engine's own statistics, and prints a line of JSON for each,
in order: {"id", "result"} or {"id", "error"}. See src/stats/README.md for the file.
`;

/** A mistake of the caller: one sentence, and no stack trace. */
class Refused extends Error {}

async function main(args: readonly string[]): Promise<string> {
  const [path, ...more] = args;
  if (path === "--help" && more.length === 0) return help;
  if (path === undefined || more.length > 0) throw new Refused(`one file is wanted\n\n${help}`);
  // Where npm was called, which is not where npm runs us.
  const text = await readFile(resolve(process.env.INIT_CWD ?? ".", path), "utf8").catch((cause: unknown) => {
    throw new Refused(`${path} can't be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  const { kind, cases } = readCases(text);
  return cases.map((one) => `${JSON.stringify(runCase(METHODS_BY_KIND[kind], one))}\n`).join("");
}

try {
  process.stdout.write(await main(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof Refused || error instanceof InvalidInput)) throw error;
  process.stderr.write(`${error instanceof InvalidInput ? `no file of cases: ${error.message}` : error.message}\n`);
  process.exitCode = 1;
}
