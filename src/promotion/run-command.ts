import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { ConnectError } from "@connectrpc/connect";
import { connect } from "./connect.ts";
import type { Engine } from "./kind.ts";
import { Refused } from "./thing.ts";
import { toReason } from "./to-summary.ts";

type Command = {
  readonly help: string;
  readonly options: ParseArgsOptionsConfig;
  readonly run: (dir: string, engine: Engine, given: Given) => Promise<unknown>;
};

type Given = { readonly flags: ReadonlySet<string>; readonly say: (line: string) => void };

/** Runs a command on a folder and a workspace. A mistake of the caller is one sentence on stderr and exit code 1. */
export async function runCommand({ help, options, run }: Command): Promise<void> {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    const { values, positionals } = toArguments(process.argv.slice(2), options);
    if (values.help === true) {
      process.stdout.write(help);
      return;
    }
    const [given, ...more] = positionals;
    if (given === undefined || more.length > 0) throw new Refused(`one folder is wanted\n\n${help}`);
    // Where npm was called, which is not where npm runs us.
    const dir = resolve(process.env.INIT_CWD ?? ".", given);
    await mkdir(dir, { recursive: true });
    const engine = await connect(process.env, typeof values.url === "string" ? values.url : undefined);
    await run(dir, engine, { flags: new Set(Object.keys(values)), say });
  } catch (error) {
    if (!(error instanceof Refused || error instanceof ConnectError)) throw error;
    process.stderr.write(`${toReason(error)}\n`);
    process.exitCode = 1;
  }
}

type Arguments = { readonly values: Readonly<Record<string, unknown>>; readonly positionals: readonly string[] };

function toArguments(args: readonly string[], options: ParseArgsOptionsConfig): Arguments {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: { ...options, help: { type: "boolean" } } });
  } catch (error) {
    throw new Refused(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
