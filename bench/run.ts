import { StartFailure } from "../src/start/index.ts";
import { formatTable } from "./demo/format-table.ts";
import { benchE2e } from "./e2e.ts";
import { benchHttp } from "./http.ts";
import { benchIntake } from "./intake.ts";
import { parseOptions, UsageError } from "./options.ts";
import { benchSockets } from "./sockets.ts";
import { benchSync } from "./sync.ts";

const help = `npm run bench -- <which> [options] measures an engine of its own on this machine. --json prints one line of JSON and
nothing else on stdout.

  e2e      from the call, or the prediction, to the sockets, at intended times that wait for nobody
           --rate R (1000 a second)  --sockets S (2000)  --seconds T (30)  --warmup T (3)
           --batch B (1: a Trigger each; more: TriggerBatch)  --transport grpc|connect (grpc)
           --via rpc|prediction|both (rpc; prediction: one message each on the stream, and a campaign that waits for it;
           both: half of the interventions by each, at the same time)
  sockets  memory of idle sockets
           --sockets S (10000)
  http     calls a second of Connect's JSON Trigger on both ports, by autocannon
           --connections C (32)  --seconds T (10)
  intake   events of the shop into the store, as fast as they go and at a steady rate
           --rate R (2000 a second)  --seconds T (15)
  sync     that nothing is acknowledged before it is on disk, by the servers' system calls (needs strace)
           --calls N (200)
`;

const say = (line: string) => void process.stderr.write(`${line}\n`);
const [which, ...args] = process.argv.slice(2);

try {
  if (args.includes("--help") || which === "--help") process.stdout.write(help);
  else await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof StartFailure)) throw error;
  say(error instanceof UsageError ? `${error.message}\n\n${help}` : error.message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(): Promise<void> {
  const isJson = args.includes("--json");
  const result = await measure();
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : `${formatTable(toRows(result))}\n`);
}

async function measure(): Promise<object> {
  switch (which) {
    case "e2e": {
      const options = parseOptions(args, {
        numbers: ["rate", "sockets", "seconds", "warmup", "batch"],
        flags: ["json"],
        texts: ["transport", "via"],
      });
      const via = options.choice("via", ["rpc", "prediction", "both"]);
      if (via !== "rpc" && args.some((arg) => arg.startsWith("--batch")))
        throw new UsageError("--batch is of --via rpc: each prediction is a message of its own");
      return await benchE2e({
        rate: options.number("rate", 1_000),
        sockets: options.number("sockets", 2_000),
        seconds: options.number("seconds", 30),
        warmupSeconds: options.number("warmup", 3),
        batch: options.number("batch", 1),
        transport: options.choice("transport", ["grpc", "connect"]),
        via,
        say,
      });
    }
    case "sockets":
      return await benchSockets({
        sockets: parseOptions(args, { numbers: ["sockets"], flags: ["json"] }).number("sockets", 10_000),
        say,
      });
    case "http": {
      const options = parseOptions(args, { numbers: ["connections", "seconds"], flags: ["json"] });
      return await benchHttp({
        connections: options.number("connections", 32),
        seconds: options.number("seconds", 10),
        say,
      });
    }
    case "intake": {
      const options = parseOptions(args, { numbers: ["rate", "seconds"], flags: ["json"] });
      return await benchIntake({ rate: options.number("rate", 2_000), seconds: options.number("seconds", 15), say });
    }
    case "sync":
      return await benchSync({
        calls: parseOptions(args, { numbers: ["calls"], flags: ["json"] }).number("calls", 200),
        say,
      });
    default:
      throw new UsageError(`which bench? ${which ?? "none"} is none of e2e, sockets, http, intake, sync`);
  }
}

function toRows(result: object): [string, string][] {
  return Object.entries(result).map(([name, value]) => [
    name,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
}
