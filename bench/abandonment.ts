import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { type Collection, type Db, MongoClient } from "mongodb";
import { EventService } from "../gen/intervention/v1/event_service_pb.js";
import { ShopEventKind, type ShopEventSchema } from "../gen/intervention/v1/shopper_pb.js";
import type { Engine } from "../src/start/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { forEachOf, toTransport, untilAnswered } from "./call-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { Latencies } from "./latencies.ts";
import { cpuBetween, readFigures, sum } from "./process-figures.ts";
import { untilStill } from "./until-still.ts";

export type AbandonmentOptions = {
  readonly carts: number;
  /** The carts count as abandoned one after the other over so long. */
  readonly seconds: number;
  readonly say: (line: string) => void;
};

const batchMax = 1_000;
const callsAtOnce = 4;
/** So many carts a second are filled at least: the first is due when all are watched. */
const filledPerSMin = 4_000;
const leadMs = 5_000;
const pollMs = 500;
const stillMsMax = 30_000;

type EventInit = MessageInitShape<typeof ShopEventSchema>;
type ShopEventRow = { readonly userId: string; readonly kind: number; readonly at: Date; readonly receivedAt: Date };

/** Fills carts that nobody comes back to, and counts who is found to have left one behind, and how late. */
export function benchAbandonment(options: AbandonmentOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ carts, seconds, say }: AbandonmentOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine());
  const db = own(await openDb(engine));
  const [watches, events] = [db.of("cart_watches"), db.of("shop_events") as unknown as Collection<ShopEventRow>];
  const atStart = readFigures(engine);

  say(`Filling ${carts} carts.`);
  const startMs = performance.now();
  const firstDueMs = Date.now() + leadMs + (carts / filledPerSMin) * 1_000;
  await fill(engine, { carts, seconds, firstDueMs });
  const unwatched = async () => carts - (await watches.estimatedDocumentCount());
  if ((await untilStill({ left: unwatched, stillMsMax, pollMs: 50 })) > 0) say("Some carts are watched by nobody.");
  const watchedS = (performance.now() - startMs) / 1_000;
  const whenWatched = readFigures(engine);

  say(`They count as abandoned over ${seconds} s, from ${new Date(firstDueMs).toISOString()} on.`);
  const lastDueMs = firstDueMs + seconds * 1_000;
  const unfound = async () => 2 * carts - (await events.estimatedDocumentCount());
  await untilStill({ left: unfound, stillMsMax: Math.max(0, lastDueMs - Date.now()) + stillMsMax, pollMs });
  // Whatever would come twice has a moment more to come.
  await untilStill({ left: () => watches.estimatedDocumentCount(), stillMsMax, pollMs });
  const whenFound = readFigures(engine);

  const said = await events.find({ kind: ShopEventKind.CART_ABANDONED }).toArray();
  const late = new Latencies();
  for (const { at, receivedAt } of said) late.record(receivedAt.getTime() - at.getTime());
  const { p50, p99, max } = late.percentiles();
  const found = new Set(said.map(({ userId }) => userId)).size;
  const [watching, finding] = [cpuBetween(atStart, whenWatched), cpuBetween(whenWatched, whenFound)];
  return {
    carts,
    watched_per_s: Math.round(carts / watchedS),
    detected: found,
    lost: carts - found,
    twice: said.length - found,
    late_p50_ms: p50,
    late_p99_ms: p99,
    late_max_ms: max,
    cpu_s: Math.round((sum(watching) + sum(finding)) * 100) / 100,
    cpu_by: { watching, finding },
    rss_mb: Math.round(sum(whenFound.rssMb)),
    rss_by: whenFound.rssMb,
    seconds,
  };
}

/** Everybody adds one thing to his cart, so long ago that the carts fall due one after the other. */
async function fill(
  engine: Engine,
  { carts, seconds, firstDueMs }: { readonly carts: number; readonly seconds: number; readonly firstDueMs: number },
): Promise<void> {
  const client = createClient(EventService, toTransport(engine));
  const afterMs = engine.config.ABANDON_AFTER_MS;
  const toEvent = (n: number): EventInit => ({
    eventId: `bench-${n}`,
    kind: ShopEventKind.ITEM_ADDED,
    userId: `user-${n}`,
    occurTime: timestampFromMs(Math.floor(firstDueMs + (n / carts) * seconds * 1_000 - afterMs)),
    item: { productId: `product-${n % 7}`, quantity: 1, unitPrice: { currency: "EUR", minor: 995n } },
  });
  const batches = Array.from({ length: Math.ceil(carts / batchMax) }, (_, i) => i * batchMax);
  await forEachOf(batches, callsAtOnce, async (from) => {
    const events = Array.from({ length: Math.min(batchMax, carts - from) }, (_, i) => toEvent(from + i));
    await untilAnswered(() => client.ingestBatch({ events }));
  });
}

async function openDb(engine: Engine): Promise<AsyncDisposable & { readonly of: Db["collection"] }> {
  const client = new MongoClient(engine.servers.mongodbUrl);
  await client.connect();
  const db = client.db(engine.config.MONGODB_DATABASE);
  return { of: db.collection.bind(db), [Symbol.asyncDispose]: () => client.close() };
}
