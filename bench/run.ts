import { StartFailure } from "../src/start/index.ts";
import { benchAttribution } from "./attribution.ts";
import { benchBandit } from "./bandit.ts";
import { formatTable } from "./demo/format-table.ts";
import { benchE2e } from "./e2e.ts";
import { benchHttp } from "./http.ts";
import { benchIntake } from "./intake.ts";
import { benchNoisy } from "./noisy.ts";
import { parseOptions, UsageError } from "./options.ts";
import { benchSockets } from "./sockets.ts";
import { benchStats } from "./stats.ts";
import { benchSync } from "./sync.ts";

const help = `npm run bench -- <which> [options] measures an engine of its own on this machine. --json prints one line of JSON and
nothing else on stdout.

  e2e      from the call to the sockets, at intended times that wait for nobody
           --rate R (1000 a second)  --sockets S (2000)  --seconds T (30)  --warmup T (3)
           --batch B (1: a Trigger each; more: TriggerBatch)  --transport grpc|connect (grpc)
  sockets  memory of idle sockets
           --sockets S (10000)
  http     calls a second of Connect's JSON Trigger on both ports, by autocannon
           --connections C (32)  --seconds T (10)
  intake   events of the shop into the store, as fast as they go and at a steady rate
           --rate R (2000 a second)  --seconds T (15)
  noisy    a quiet workspace alone, and beside one that asks for as much as it can, in turn
           --seconds T (20, of each part)  --pairs N (3)  --limit R (a workspace's calls a second; default: the engine's)
  sync     that nothing is acknowledged before it is on disk, by the servers' system calls (needs strace)
           --calls N (200)
  attribution  seconds to credit conversions with paths, by model; starts no engine
           --conversions N (100000)  --channels C (12, "rate" of Shapley serves 20)
  bandit   what the choice of channel loses while it learns, against the least possible; starts no engine
           --rounds N (20000)  --runs N (10)
  stats    experiments: false claims under peeking, power at the planned size, time of each analysis (no engine)
           --tests N (10000)  --users N (1000000)  --seed N (1)
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
        texts: ["transport"],
      });
      return await benchE2e({
        rate: options.number("rate", 1_000),
        sockets: options.number("sockets", 2_000),
        seconds: options.number("seconds", 30),
        warmupSeconds: options.number("warmup", 3),
        batch: options.number("batch", 1),
        transport: options.choice("transport", ["grpc", "connect"]),
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
    case "noisy": {
      const options = parseOptions(args, { numbers: ["seconds", "pairs", "limit"], flags: ["json"] });
      return await benchNoisy({
        seconds: options.number("seconds", 20),
        pairs: options.number("pairs", 3),
        limit: options.findNumber("limit"),
        say,
      });
    }
    case "sync":
      return await benchSync({
        calls: parseOptions(args, { numbers: ["calls"], flags: ["json"] }).number("calls", 200),
        say,
      });
    case "attribution": {
      const options = parseOptions(args, { numbers: ["conversions", "channels"], flags: ["json"] });
      const channels = options.number("channels", 12);
      return benchAttribution({ conversions: options.number("conversions", 100_000), channels, say });
    }
    case "bandit": {
      const options = parseOptions(args, { numbers: ["rounds", "runs"], flags: ["json"] });
      return benchBandit({ rounds: options.number("rounds", 20_000), runs: options.number("runs", 10), say });
    }
    case "stats": {
      const options = parseOptions(args, { numbers: ["tests", "users", "seed"], flags: ["json"] });
      return benchStats({
        tests: options.number("tests", 10_000),
        users: options.number("users", 1_000_000),
        seed: options.number("seed", 1),
        say,
      });
    }
    default:
      throw new UsageError(
        `which bench? ${which ?? "none"} is none of e2e, sockets, http, intake, sync, attribution, bandit, stats`,
      );
  }
}

function toRows(result: object): [string, string][] {
  return Object.entries(result).map(([name, value]) => [
    name,
    typeof value === "object" ? JSON.stringify(value) : String(value),
  ]);
}
