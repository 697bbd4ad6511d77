import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { JsMsg } from "@nats-io/jetstream";
import type { Logger } from "pino";
import {
  InterventionBatchSchema,
  type InterventionMessage,
  InterventionMessageSchema,
} from "../../gen/intervention/v1/bus_pb.js";
import type { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import {
  type Bus,
  bury,
  createRealtimePublisher,
  DECIDE_LANES,
  EventPublisher,
  PackedPublisher,
  type PresenceView,
  packItems,
  type Rest,
  type StreamName,
  toDecider,
  Worker,
} from "../bus/index.ts";
import { InvalidInput, Unavailable } from "../domain/errors.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { CampaignDirectory } from "../integrations/campaign-directory.ts";
import type { CatalogView } from "../integrations/catalog-view.ts";
import type { ChoiceModel } from "../integrations/choice-model.ts";
import type { DataIntelligence } from "../integrations/data-intelligence.ts";
import type { ExperimentDirectory } from "../integrations/experiment-directory.ts";
import type { SegmentDirectory } from "../integrations/segment-directory.ts";
import type { UsualHours } from "../integrations/usual-hours.ts";
import type { Metrics, Traces } from "../observe/index.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";
import type { Store } from "../store/index.ts";
import { DecisionMaker } from "./decision-maker.ts";
import { EffectRunner } from "./effect-runner.ts";
import type { FindOrders } from "./fix-outcomes.ts";

/** What the role stands on. */
export type DecideOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly presence: PresenceView;
  readonly metrics: Metrics;
  readonly traces: Traces;
  readonly log: Logger;
  readonly campaigns: Pick<CampaignDirectory, "findState" | "findRules">;
  readonly catalog: CatalogView;
  /** Price and stock in what is sent are no older than this, ms. */
  readonly catalogAgeMs: number;
  /** The platform's knowledge of users; undefined where there is none. */
  readonly dataIntelligence: DataIntelligence | undefined;
  /** Of users who have none: their workspace's, or the engine's. */
  readonly defaultTimeZoneOf: (workspaceId: string) => string;
  readonly erased: Pick<ErasedUsers, "keepKnown">;
  readonly access: Pick<AccessDirectory, "findWorkspace">;
  /** What a message costs on a channel; undefined: nothing. */
  readonly costOf: (
    workspaceId: string,
    channel: Channel,
  ) => { readonly currency: string; readonly micros: number } | undefined;
  readonly choices: Pick<ChoiceModel, "find">;
  /** Default: nothing is split. */
  readonly experiments?: Pick<ExperimentDirectory, "listOf">;
  /** By which a user of whom little is known gets a time to be sent at. */
  readonly usualHours: Pick<UsualHours, "find">;
  readonly segments: Pick<SegmentDirectory, "findLive">;
  /** By which a chain of fallbacks is told that its user has converted. Default: nobody keeps orders, and none has. */
  readonly findOrders?: FindOrders;
  /** Where a user says what he wants to get; undefined where nobody knows how this engine is reached. */
  readonly toPreferenceUrl?: ((workspaceId: string, userId: string) => string | undefined) | undefined;
  /** Whether a workspace has a provider for a channel that needs one. */
  readonly isProvided: (workspaceId: string, channel: Channel) => boolean;
};

/** One intervention to decide, with what travelled beside it. */
export type ToDecide = {
  readonly message: InterventionMessage;
  readonly traceparent: string | undefined;
  /** Where it came from, for the dead letters. */
  readonly source: { readonly stream: StreamName; readonly subject: string; readonly sequence: number };
};

/** Messages, of up to so many interventions each, that share their reads and writes. */
const MESSAGES_MAX = 8;
const ITEMS_MAX = 1_000;
/** Of a bulk lane one at a time while anything comes on a main lane, which then waits for no more than that of the store and the
 *  processor. */
const BULK_MESSAGES_BESIDE_MAIN = 1;
/** The main lanes are idle when nothing has come on any for so long. */
const MAIN_IDLE_MS = 1_000;
/** A batch costs about the same for one as for ten, and there are only so many processors: at a thousand a second this takes a fifth off
 *  all the engine's work, and more off its worst latencies than it adds. What is urgent does not wait. */
const LINGER_MS = 10;
/** Whoever hears of decisions hears of them a moment later, in fewer messages; nobody's screen waits for that. */
const DECIDED_LINGER_MS = 40;
/** Together they take every message of INTERVENTIONS. */
export const DECIDERS = { stream: "INTERVENTIONS", names: DECIDE_LANES.map(toDecider) } as const;

/** Decides what comes in, and what comes back after a delay. */
export async function startDecide(options: DecideOptions): Promise<AsyncDisposable> {
  const { bus, log } = options;
  const realtime = createRealtimePublisher(bus);
  const maker = new DecisionMaker(options);
  const dispatch = new PackedPublisher(bus);
  const decided = new EventPublisher(bus, { lingerMs: DECIDED_LINGER_MS });
  const effects = new EffectRunner({ ...options, realtime, dispatch, decided });
  const decideAll = async (batch: readonly ToDecide[]) => effects.run(await maker.decideAll(batch));
  const decideAlone = async (one: ToDecide) => (await decideAll([one])).rest;
  const handle = async (messages: readonly (readonly ToDecide[])[]): Promise<Rest | undefined> => {
    const batch = await options.erased.keepKnown(messages.flat(), ofUser);
    try {
      return await decideAll(batch);
    } catch (error) {
      if (error instanceof Unavailable || batch.length === 1) throw error;
      // One of them may be the cause: each alone, so that it does not hold up the others.
      for (const one of batch) await decideAlone(one).catch((cause: unknown) => giveUp(options, one, cause));
      return undefined;
    }
  };
  let mainAtMs = Number.NEGATIVE_INFINITY;
  const handleMain = (messages: readonly (readonly ToDecide[])[]) => {
    mainAtMs = performance.now();
    return handle(messages);
  };
  const takeOfBulk = () => (performance.now() - mainAtMs > MAIN_IDLE_MS ? MESSAGES_MAX : BULK_MESSAGES_BESIDE_MAIN);
  const common = { bus, log, handle, batchMax: MESSAGES_MAX, parse: toWork };
  const workers = await Promise.all([
    ...DECIDE_LANES.map(({ priority, lane }) =>
      Worker.start({
        ...common,
        ...(lane === "bulk" ? { takeMax: takeOfBulk } : { handle: handleMain }),
        stream: "INTERVENTIONS",
        name: toDecider({ priority, lane }),
        filterSubject: bus.subjects.interventionsOf(priority, lane),
        lingerMs: priority === "high" ? 0 : LINGER_MS,
      }),
    ),
    Worker.start({ ...common, stream: "DELAYED", name: "decide-due", filterSubject: bus.subjects.all.due }),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await realtime.drained();
      await dispatch.drained();
      await decided.drained();
    },
  };
}

const ofUser = ({ message }: ToDecide) => ({ ...message, userId: message.recipient?.userId ?? "" });

/** @throws Unavailable as it is: then all of them are tried again. */
async function giveUp({ bus, log }: DecideOptions, { message, source }: ToDecide, error: unknown): Promise<void> {
  if (error instanceof Unavailable) throw error;
  const data = packItems([toBinary(InterventionMessageSchema, message)]);
  await bury(bus, { ...source, data, headers: undefined, reason: "failed", error, attempts: 1 });
  log.error(
    { event: "message_buried", interventionId: message.interventionId, err: error },
    "an intervention that can't be decided went to the dead letters",
  );
}

function toWork({ data, subject, seq }: JsMsg): ToDecide[] {
  let messages: InterventionMessage[];
  try {
    messages = fromBinary(InterventionBatchSchema, data).interventions;
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not an InterventionBatch: ${String(error)}` }]);
  }
  const bad = messages.findIndex(
    (one) => one.interventionId === "" || one.workspace === "" || one.recipient === undefined,
  );
  if (bad >= 0 || messages.length === 0)
    throw new InvalidInput([
      {
        field: `interventions[${Math.max(0, bad)}]`,
        description: "an InterventionMessage without workspace, id or recipient",
      },
    ]);
  const stream = subject.includes(".later.") || subject.startsWith("later.") ? "DELAYED" : "INTERVENTIONS";
  return messages.map((message, index) => ({
    message,
    traceparent: message.traceParent || undefined,
    source: { stream, subject, sequence: seq * ITEMS_MAX + index },
  }));
}
