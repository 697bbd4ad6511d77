import { createClient } from "@connectrpc/connect";
import { type Collection, MongoClient } from "mongodb";
import { CampaignState } from "../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../gen/intervention/v1/campaign_service_pb.js";
import { Channel } from "../gen/intervention/v1/intervention_pb.js";
import { RunService, RunState } from "../gen/intervention/v1/run_service_pb.js";
import { SegmentService } from "../gen/intervention/v1/segment_service_pb.js";
import { ShopEventKind } from "../gen/intervention/v1/shopper_pb.js";
import type { Engine } from "../src/start/index.ts";
import { type DecisionDocument, profileId, type ShopperDocument, toMemberKey, toPlace } from "../src/store/index.ts";
import { startBenchEngine } from "./bench-engine.ts";
import { toTransport, untilAnswered } from "./call-engine.ts";
import { type Closing, closing } from "./closing.ts";
import { cpuBetween, readFigures, sum } from "./process-figures.ts";
import { untilStill } from "./until-still.ts";

export type AudienceOptions = {
  readonly users: number;
  /** Kills of the process that expands and decides, spread over the run. */
  readonly kills: number;
  readonly say: (line: string) => void;
};

const insertMax = 5_000;
const stillMsMax = 120_000;
const pollMs = 500;
const worker = "decide,deliver,track,schedule,intake";

/** Sends a campaign to a segment, kills the process that expands and decides meanwhile, and counts who was decided for, and how often. */
export function benchAudience(options: AudienceOptions) {
  return closing((scope) => measure(options, scope));
}

async function measure({ users, kills, say }: AudienceOptions, { own }: Closing) {
  say("Starting the engine.");
  const engine = own(await startBenchEngine());
  const mongo = new MongoClient(engine.servers.mongodbUrl);
  own({ [Symbol.asyncDispose]: () => mongo.close() });
  const db = mongo.db(engine.config.MONGODB_DATABASE);
  const decisions = db.collection<DecisionDocument>("decisions");
  say(`Putting ${users} users into a segment.`);
  await createClient(SegmentService, toTransport(engine)).createSegment({
    segmentId: "everybody",
    segment: { displayName: "Everybody" },
  });
  await fill(db.collection<ShopperDocument>("shoppers"), engine.config.WORKSPACE, users);
  await createClient(CampaignService, toTransport(engine)).create({
    campaignId: "news",
    campaign: {
      ...{ displayName: "News", state: CampaignState.RUNNING, content: { title: "News" } },
      trigger: { on: { case: "event", value: ShopEventKind.PAGE_VIEWED } },
      policy: { channels: [Channel.INBOX] },
    },
  });
  const runs = createClient(RunService, toTransport(engine));
  const before = readFigures(engine);
  const startMs = performance.now();
  const { run } = await runs.startRun({ campaign: "news", segment: "everybody", requestId: "bench" });
  const runId = run?.runId ?? "";
  say(`Sending to them, with ${kills} kills on the way.`);
  const peak = watchMemory(engine);
  const killing = killEvery(engine, { kills, decided: () => decisions.estimatedDocumentCount(), users });
  await untilStill({ left: async () => users - (await decisions.estimatedDocumentCount()), stillMsMax, pollMs });
  const seconds = (performance.now() - startMs) / 1_000;
  const killed = await killing;
  const state = await untilAnswered(async () => (await runs.getRun({ runId })).run?.state);
  const rssMb = peak.stop();
  say("Counting who was decided for.");
  const seen = new Map<string, number>();
  for await (const { userId } of decisions.find({}, { projection: { userId: 1 } }))
    seen.set(userId, (seen.get(userId) ?? 0) + 1);
  return {
    users_per_s: Math.round(users / seconds),
    lost: users - seen.size,
    twice: [...seen.values()].filter((times) => times > 1).length,
    rss_mb: Math.round(rssMb),
    users,
    kills: killed,
    is_done: state === RunState.DONE,
    seconds: Math.round(seconds * 10) / 10,
    cpu_by: cpuBetween(before, readFigures(engine)),
  };
}

async function fill(shoppers: Collection<ShopperDocument>, workspaceId: string, users: number) {
  const known = { facts: [], activity: [], foresight: [], lists: ["everybody"] };
  for (let from = 0; from < users; from += insertMax)
    await shoppers.insertMany(
      Array.from({ length: Math.min(insertMax, users - from) }, (_, i) => {
        const userId = `u${from + i}`;
        return {
          ...{ _id: profileId(workspaceId, userId), workspaceId, userId, place: toPlace(userId), revision: 1 },
          ...{ ...known, keys: ["in=everybody", toMemberKey("everybody")] },
          memberships: [{ segmentId: "everybody", isIn: true, changes: 1 }],
        };
      }),
      { ordered: false },
    );
}

/** Kills the worker by SIGKILL each time another share of the users is decided for; it is started again by itself. */
async function killEvery(
  engine: Engine,
  {
    kills,
    decided,
    users,
  }: { readonly kills: number; readonly decided: () => Promise<number>; readonly users: number },
): Promise<number> {
  let done = 0;
  while (done < kills) {
    const share = ((done + 1) / (kills + 1)) * users;
    const left = async () => Math.max(0, share - (await decided()));
    if ((await untilStill({ left, stillMsMax, pollMs })) > 0) return done;
    const pid = engine.processes.find(({ process }) => process.name === worker)?.process.pid;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    done += 1;
  }
  return done;
}

/** The most memory that the worker has had. */
function watchMemory(engine: Engine): { readonly stop: () => number } {
  let most = 0;
  const look = () => {
    const { rssMb } = readFigures(engine);
    most = Math.max(most, sum(Object.fromEntries(Object.entries(rssMb).filter(([name]) => name === worker))));
  };
  const timer = setInterval(look, pollMs);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}
