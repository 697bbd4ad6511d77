import { benchAbandonment } from "./abandonment.ts";
import { benchAttribution } from "./attribution.ts";
import { benchAudience } from "./audience.ts";
import { benchBandit } from "./bandit.ts";
import { benchDeliver } from "./deliver.ts";
import { benchE2e } from "./e2e.ts";
import { benchHttp } from "./http.ts";
import { benchIntake } from "./intake.ts";
import { benchNoisy } from "./noisy.ts";
import { type OptionNames, type Options, UsageError } from "./options.ts";
import { benchSegments } from "./segments.ts";
import { benchSockets } from "./sockets.ts";
import { benchStats } from "./stats.ts";
import { benchSync } from "./sync.ts";
import { benchTemplates } from "./templates.ts";
import { benchTrack } from "./track.ts";

type Say = (line: string) => void;

/** What `npm run bench -- <name>` measures. */
export type Bench = {
  /** A line of help. */
  readonly measures: string;
  /** Further lines of help, with the default of each option. */
  readonly usage: readonly string[];
  readonly options: OptionNames;
  readonly run: (options: Options, say: Say) => object | Promise<object>;
};

export const BENCHES: Readonly<Record<string, Bench>> = {
  e2e: {
    measures: "from the call, or the prediction, to the sockets, at intended times that wait for nobody",
    usage: [
      "--rate R (1000 a second)  --sockets S (2000)  --seconds T (30)  --warmup T (10)",
      "--batch B (1: a Trigger each; more: TriggerBatch)  --transport grpc|connect (grpc)",
      "--via rpc|prediction|both (rpc; prediction: one message each on the stream, and a campaign that waits for it;",
      "both: half of the interventions by each, at the same time)",
    ],
    options: { numbers: ["rate", "sockets", "seconds", "warmup", "batch"], texts: ["transport", "via"] },
    run: (options, say) => {
      const via = options.choice("via", ["rpc", "prediction", "both"]);
      if (via !== "rpc" && options.findNumber("batch") !== undefined)
        throw new UsageError("--batch is of --via rpc: each prediction is a message of its own");
      return benchE2e({
        rate: options.number("rate", 1_000),
        sockets: options.number("sockets", 2_000),
        seconds: options.number("seconds", 30),
        warmupSeconds: options.number("warmup", 10),
        batch: options.number("batch", 1),
        transport: options.choice("transport", ["grpc", "connect"]),
        via,
        say,
      });
    },
  },
  sockets: {
    measures: "memory of idle sockets",
    usage: ["--sockets S (10000)"],
    options: { numbers: ["sockets"] },
    run: (options, say) => benchSockets({ sockets: options.number("sockets", 10_000), say }),
  },
  http: {
    measures: "calls a second of Connect's JSON Trigger on both ports, by autocannon",
    usage: ["--connections C (32)  --seconds T (10)"],
    options: { numbers: ["connections", "seconds"] },
    run: (options, say) =>
      benchHttp({ connections: options.number("connections", 32), seconds: options.number("seconds", 10), say }),
  },
  intake: {
    measures: "events of the shop into the store, as fast as they go and at a steady rate",
    usage: ["--rate R (2000 a second)  --seconds T (15)"],
    options: { numbers: ["rate", "seconds"] },
    run: (options, say) =>
      benchIntake({ rate: options.number("rate", 2_000), seconds: options.number("seconds", 15), say }),
  },
  abandonment: {
    measures: "carts left behind that nobody tells the engine of",
    usage: ["--carts N (100000)  --seconds T (60: they fall due one after the other over so long)"],
    options: { numbers: ["carts", "seconds"] },
    run: (options, say) =>
      benchAbandonment({ carts: options.number("carts", 100_000), seconds: options.number("seconds", 60), say }),
  },
  noisy: {
    measures: "a quiet workspace alone, and beside one that asks for as much as it can, in turn",
    usage: [
      "--seconds T (20, of each part)  --pairs N (3)  --limit R (a workspace's calls a second; default: the engine's)",
    ],
    options: { numbers: ["seconds", "pairs", "limit"] },
    run: (options, say) =>
      benchNoisy({
        seconds: options.number("seconds", 20),
        pairs: options.number("pairs", 3),
        limit: options.findNumber("limit"),
        say,
      }),
  },
  audience: {
    measures: "a campaign to everybody in a segment, expanded and decided while its process is killed",
    usage: ["--users N (1000000)  --kills N (3)"],
    options: { numbers: ["users", "kills"] },
    run: (options, say) =>
      benchAudience({ users: options.number("users", 1_000_000), kills: options.number("kills", 3), say }),
  },
  segments: {
    measures: "counts of shoppers by rules, and who is in which segment while events come in",
    usage: ["--profiles N (1000000)  --events N (20000)"],
    options: { numbers: ["profiles", "events"] },
    run: (options, say) =>
      benchSegments({ profiles: options.number("profiles", 1_000_000), events: options.number("events", 20_000), say }),
  },
  deliver: {
    measures: "from the queue to a provider that records each send",
    usage: ["--deliveries N (100000)  --kill: workers, provider and NATS are killed, paused and slowed meanwhile"],
    options: { numbers: ["deliveries"], flags: ["kill"] },
    run: (options, say) =>
      benchDeliver({ deliveries: options.number("deliveries", 100_000), isKilling: options.flag("kill"), say }),
  },
  sync: {
    measures: "that nothing is acknowledged before it is on disk, by the servers' system calls (needs strace)",
    usage: ["--calls N (200)"],
    options: { numbers: ["calls"] },
    run: (options, say) => benchSync({ calls: options.number("calls", 200), say }),
  },
  track: {
    measures:
      "touchpoints by every way in, links that are followed, figures that are looked at, orders that are credited",
    usage: [
      "--events N (200000)  --sockets S (500)  --rate R (2000 clicks a second)  --seconds T (10)",
      "--conversions N (100000)",
    ],
    options: { numbers: ["events", "sockets", "rate", "seconds", "conversions"] },
    run: (options, say) =>
      benchTrack({
        events: options.number("events", 200_000),
        sockets: options.number("sockets", 500),
        rate: options.number("rate", 2_000),
        seconds: options.number("seconds", 10),
        conversions: options.number("conversions", 100_000),
        say,
      }),
  },
  attribution: {
    measures: "seconds to credit conversions with paths, by model; starts no engine",
    usage: ['--conversions N (100000)  --channels C (12, "rate" of Shapley serves 20)'],
    options: { numbers: ["conversions", "channels"] },
    run: (options, say) =>
      benchAttribution({
        conversions: options.number("conversions", 100_000),
        channels: options.number("channels", 12),
        say,
      }),
  },
  bandit: {
    measures: "what the choice of channel loses while it learns, against the least possible; starts no engine",
    usage: ["--rounds N (20000)  --runs N (10)"],
    options: { numbers: ["rounds", "runs"] },
    run: (options, say) =>
      benchBandit({ rounds: options.number("rounds", 20_000), runs: options.number("runs", 10), say }),
  },
  templates: {
    measures: "renders a second of ours, plain Eta and LiquidJS, of one template with one output; starts no engine",
    usage: ["--rounds N (9)  --seconds T (0.3, of each turn)"],
    options: { numbers: ["rounds", "seconds"] },
    run: (options, say) =>
      benchTemplates({ rounds: options.number("rounds", 9), seconds: options.number("seconds", 0.3), say }),
  },
  stats: {
    measures:
      "experiments: false claims under peeking, power at the planned size, time of each analysis; starts no engine",
    usage: ["--tests N (10000)  --users N (1000000)  --seed N (1)"],
    options: { numbers: ["tests", "users", "seed"] },
    run: (options, say) =>
      benchStats({
        tests: options.number("tests", 10_000),
        users: options.number("users", 1_000_000),
        seed: options.number("seed", 1),
        say,
      }),
  },
};
