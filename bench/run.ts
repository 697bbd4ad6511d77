import { StartFailure } from "../src/start/index.ts";
import { BENCHES } from "./benches.ts";
import { formatTable } from "./demo/format-table.ts";
import { parseOptions, UsageError } from "./options.ts";

const help = [
  "npm run bench -- <which> [options] measures an engine of its own on this machine. --json prints one line of JSON and",
  "nothing else on stdout.",
  "",
  ...Object.entries(BENCHES).flatMap(([name, { measures, usage }]) => [
    `  ${name.padEnd(12)} ${measures}`,
    ...usage.map((line) => `${" ".repeat(15)}${line}`),
  ]),
  "",
].join("\n");

const say = (line: string) => void process.stderr.write(`${line}\n`);
const [which = "none", ...args] = process.argv.slice(2);

try {
  if (args.includes("--help") || which === "--help") process.stdout.write(help);
  else await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof StartFailure)) throw error;
  say(error instanceof UsageError ? `${error.message}\n\n${help}` : error.message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(): Promise<void> {
  const bench = Object.hasOwn(BENCHES, which) ? BENCHES[which] : undefined;
  if (bench === undefined) throw new UsageError(`which bench? ${which} is none of ${Object.keys(BENCHES).join(", ")}`);
  const options = parseOptions(args, { ...bench.options, flags: [...(bench.options.flags ?? []), "json"] });
  const result = await bench.run(options, say);
  process.stdout.write(options.flag("json") ? `${JSON.stringify(result)}\n` : `${formatTable(toRows(result))}\n`);
}

function toRows(result: object): [string, string][] {
  return Object.entries(result).map(([name, value]) => [
    name,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
}
