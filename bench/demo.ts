import { createClient } from "@connectrpc/connect";
import { InboxService } from "../gen/intervention/v1/inbox_service_pb.js";
import { SessionService } from "../gen/intervention/v1/session_service_pb.js";
import { PredictionKind } from "../gen/intervention/v1/shopper_pb.js";
import { type Engine, StartFailure } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { openBenchStore } from "./bench-store.ts";
import { toTransport } from "./call-engine.ts";
import { type Purchase, readCdnow, toTotals } from "./cdnow.ts";
import { type Closing, closing } from "./closing.ts";
import { createCampaign } from "./create-campaign.ts";
import { Acceptances } from "./demo/acceptances.ts";
import { Account } from "./demo/account.ts";
import { chooseShoppers } from "./demo/choose-shoppers.ts";
import { countKeptEvents } from "./demo/count-kept-events.ts";
import { killInTurn } from "./demo/kill-in-turn.ts";
import { Progress } from "./demo/progress.ts";
import { formatReport, isGood, type Report, toJson } from "./demo/report.ts";
import { settle } from "./demo/settle.ts";
import { connectShoppers } from "./demo/shoppers.ts";
import { startNeighbours } from "./demo/start-neighbours.ts";
import { parseOptions, UsageError } from "./options.ts";
import { seededRandom } from "./random.ts";

const help = `npm run demo replays real purchases through an engine of its own, with a thousand shoppers connected.

  --purchases N   only the first N in order of date (default: all 69,659)
  --shoppers N    how many customers are connected by WebSocket (default 1000)
  --rate R        purchases a second (default 350)
  --kill          kill -9 every process and server of the engine once, on the way; the default rate is then such
                  that the replay lasts 15 s or more
  --seed N        order of the kills (default 1)
  --json          the result as one line of JSON
`;

/** Every role in a process of its own, so that each can die alone. */
const apartProcesses = "api;gateway;decide;track,schedule;intake";
/** What a kill interrupted is seen to after this long; the defaults of 30 s would only make the end longer. */
const afterMs = { UNDELIVERED_AFTER_MS: "10000", RECONCILE_AFTER_MS: "10000" };

/** For each buyer of whom the AI engine thinks that he may come again, and its model gives nobody up for good. */
const thankYou = {
  campaignId: "thank-you",
  displayName: "Thanks for the order",
  kind: PredictionKind.PURCHASE_INTENT,
  content: { title: "Thank you for your order", body: "It is on its way to you." },
};

const rateDefault = 350;
/** Long enough for seven kills, each of which waits until the one before is over. */
const killSeconds = 15;

const args = process.argv.slice(2);
if (args.includes("--help")) process.stdout.write(help);
else process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = parseOptions(args, { numbers: ["purchases", "shoppers", "rate", "seed"], flags: ["kill", "json"] });
    const all = await readCdnow();
    const purchases = all.slice(0, options.number("purchases", all.length));
    const isKilling = options.flag("kill");
    const progress = new Progress(process.stderr);
    progress.say("Starting the engine.");
    const report = await closing(async (scope) => {
      const engine = scope.own(
        await startBenchEngine({ env: isKilling ? { ...afterMs, PROCESSES: apartProcesses } : afterMs }),
      );
      return await runDemo(
        {
          engine,
          purchases,
          shopperCount: options.number("shoppers", 1_000),
          rate: options.number("rate", isKilling ? Math.min(rateDefault, purchases.length / killSeconds) : rateDefault),
          killSeed: isKilling ? options.number("seed", 1) : undefined,
          progress,
        },
        scope,
      );
    });
    process.stdout.write(options.flag("json") ? `${JSON.stringify(toJson(report))}\n` : `${formatReport(report)}\n`);
    return isGood(report) ? 0 : 1;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${help}`);
      return 2;
    }
    if (!(error instanceof StartFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

type DemoOptions = {
  readonly engine: Engine;
  readonly purchases: readonly Purchase[];
  readonly shopperCount: number;
  readonly rate: number;
  /** Undefined: nothing is killed. */
  readonly killSeed: number | undefined;
  readonly progress: Progress;
};

async function runDemo(options: DemoOptions, { own }: Closing): Promise<Report> {
  const { engine, purchases, progress } = options;
  const transport = toTransport(engine);
  const account = new Account();
  const now = () => performance.now();
  const customers = chooseShoppers(purchases, options.shopperCount);
  const store = own(await openBenchStore(engine));
  await createCampaign(engine, thankYou);
  progress.say(`Connecting ${customers.length.toLocaleString("en-US")} shoppers.`);
  const sessions = createClient(SessionService, transport);
  const shoppers = await connectShoppers({ edgeUrl: engine.edgeUrl, sessions, customers, account, now });

  progress.say(`Replaying ${purchases.length.toLocaleString("en-US")} purchases as events of the shop.`);
  const startMs = now();
  const ended = new AbortController();
  const acceptances = new Acceptances({ store, workspace: engine.credentials.workspace, account });
  const { ai, pipeline } = await startNeighbours({ engine, purchases, rate: options.rate, account, acceptances, now });
  own(ai);
  own(pipeline);
  let kills = 0;
  const killing =
    options.killSeed === undefined
      ? undefined
      : killInTurn({
          engine,
          random: seededRandom(options.killSeed),
          progress: () => account.acceptedCount / purchases.length,
          signal: ended.signal,
          onKill: (name) => {
            kills += 1;
            progress.say(`Killed ${name} with -9.`);
          },
        });
  const watching = acceptances.run(ended.signal);
  const showAccepted = () => progress.show(account.acceptedCount, purchases.length, "interventions accepted");
  const timer = setInterval(showAccepted, 100);
  try {
    await Promise.race([Promise.all([pipeline.done, killing]), watching]);
  } finally {
    ended.abort();
    clearInterval(timer);
  }
  await watching;
  showAccepted();
  const replayMs = now() - startMs;
  const displayed = await settle({ store, inbox: createClient(InboxService, transport), account, shoppers, progress });
  const { errors } = shoppers;
  shoppers.close();
  return {
    ...account.balance(),
    shoppers: customers.length,
    displayed,
    sent: toTotals(purchases),
    published: pipeline.counts.good,
    kept: await countKeptEvents(store, pipeline.counts.good),
    repeated: pipeline.counts.repeated,
    kills,
    clientErrors: errors,
    replayMs,
  };
}
