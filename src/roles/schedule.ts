import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Acceptor } from "../accept/acceptor.ts";
import { type Bus, type EventPublisher, findConsumer, findOldestOfMs, trimAcknowledged } from "../bus/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { CampaignDirectory } from "../integrations/campaign-directory.ts";
import { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import type { ExperimentDirectory } from "../integrations/experiment-directory.ts";
import type { Metrics } from "../observe/index.ts";
import { tendPrivacy } from "../privacy/tend-privacy.ts";
import { claimLease, type Store } from "../store/index.ts";
import { DECIDERS } from "./decide.ts";
import { DELIVERERS } from "./deliver.ts";
import { SHOP_EVENT_CONSUMERS } from "./event-intake.ts";
import { runFanOuts } from "./fan-out.ts";
import { type FindOrders, fixOutcomes } from "./fix-outcomes.ts";
import { JourneyDoor } from "./journeys.ts";
import { ChoiceLearner } from "./learn-choices.ts";
import { JourneyRunner } from "./run-journeys.ts";
import { runSchedules } from "./run-schedules.ts";
import { startLoop } from "./start-loop.ts";
import { tendCampaigns } from "./tend-campaigns.ts";
import { tendExperiments } from "./tend-experiments.ts";
import type { ShopperFacts } from "./triggers.ts";
import { Walk } from "./walk.ts";
import { walkDelayed } from "./walk-delayed.ts";
import { DeliveryWalk } from "./walk-deliveries.ts";

/** What the role stands on. */
export type ScheduleOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly events: EventPublisher;
  readonly access: AccessDirectory;
  readonly campaigns: Pick<CampaignDirectory, "findState" | "findLive" | "listJourneys">;
  readonly experiments: Pick<ExperimentDirectory, "listRunning">;
  readonly facts: ShopperFacts;
  readonly defaultTimeZone: string;
  readonly acceptor: Pick<Acceptor, "accept">;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly undeliveredAfterMs: number;
  readonly reconcileAfterMs: number;
  /** Where events are archived before retention removes them. Default: nowhere. */
  readonly archiveDir?: string | undefined;
  /** By which predictions are found to have come true. Default: nobody keeps orders, and no outcome is fixed. */
  readonly findOrders?: FindOrders;
};

const WALK_MS = 1_000;
const DELIVERIES_MS = 2_000;
const FAN_OUTS_MS = 500;
const CAMPAIGNS_MS = 500;
const JOURNEYS_MS = 250;
const PRIVACY_MS = 1_000;
const EXPERIMENTS_MS = 30_000;
const QUEUES_MS = 5_000;
/** Trimming holds the stream up for some tens of milliseconds, whatever there is to trim: so it is done rarely. */
const TRIM_MS = 60_000;
/** Whoever walks keeps the right to it this long: when he dies another one goes on. */
const LEASE_MS = 10_000;

const NO_ORDERS: FindOrders = async () => [];

/** Looks after what time alone brings about. Any number of these may run: one of them walks. */
export function startSchedule(options: ScheduleOptions): AsyncDisposable {
  const { acceptor, access, bus, store, events, findOrders, metrics, log } = options;
  const walkOptions = {
    bus,
    store,
    events,
    metrics,
    log,
    undeliveredAfterMs: options.undeliveredAfterMs,
    undecidedAfterMs: options.reconcileAfterMs,
  };
  const learner = findOrders === undefined ? undefined : new ChoiceLearner({ store, findOrders });
  const walks = new Map<string, Walk>();
  const deliveryWalks = new Map<string, DeliveryWalk>();
  const holder = randomUUID();
  const walkAll = async () => {
    for (const workspace of access.workspaces()) {
      const now = new Date();
      const isOurs = await claimLease(store, `accepted/${workspace.id}`, {
        holder,
        now,
        until: new Date(now.getTime() + LEASE_MS),
      });
      // Another one has gone on meanwhile: his checkpoint counts, not where we were.
      if (!isOurs) walks.delete(workspace.id);
      if (!isOurs) continue;
      const walk = walks.get(workspace.id) ?? new Walk(walkOptions, workspace);
      walks.set(workspace.id, walk);
      await walk.step(now);
      await walkDelayed(walkOptions, walk, workspace, now);
      if (findOrders !== undefined) await fixOutcomes({ store, findOrders }, workspace, now);
      await learner?.step(workspace.id, now);
    }
  };
  const walkDeliveries = async () => {
    for (const workspace of access.workspaces()) {
      const now = new Date();
      const until = new Date(now.getTime() + LEASE_MS);
      const isOurs = await claimLease(store, `deliveries/${workspace.id}`, { holder, now, until });
      if (!isOurs) deliveryWalks.delete(workspace.id);
      if (!isOurs) continue;
      const deliveryOptions = { bus, store, metrics, log, lostAfterMs: options.reconcileAfterMs };
      const walk = deliveryWalks.get(workspace.id) ?? new DeliveryWalk(deliveryOptions, workspace);
      deliveryWalks.set(workspace.id, walk);
      await walk.step(now);
    }
  };
  const trim = async () => {
    await trimAcknowledged(bus, DECIDERS);
    await trimAcknowledged(bus, DELIVERERS);
  };
  const stopping = new AbortController();
  const now = () => new Date();
  const journeys = {
    door: new JourneyDoor({ store, now }),
    find: (workspaceId: string, campaignId: string) => {
      const campaign = options.campaigns.findLive(workspaceId, campaignId, now())?.campaign;
      return campaign?.journey === undefined ? undefined : campaign;
    },
  };
  const travels = new JourneyRunner({ ...options, holder, now, findOrders: findOrders ?? NO_ORDERS });
  const fanOutAll = async () => {
    await runSchedules({ store, log, now, defaultTimeZone: options.defaultTimeZone }, access.workspaces());
    const findCampaignState = (id: string, campaignId: string) => options.campaigns.findState(id, campaignId);
    const { defaultTimeZone } = options;
    const common = { store, acceptor, log, holder, now, defaultTimeZone };
    const fanOutOptions = { ...common, findCampaignState, journeys, signal: stopping.signal };
    await runFanOuts(fanOutOptions, access.workspaces());
  };
  const keeper = new CampaignKeeper({ store, bus, log, now });
  const loops = [
    startLoop("journeys", JOURNEYS_MS, log, () => travels.run(access.workspaces())),
    startLoop("campaigns", CAMPAIGNS_MS, log, () => tendCampaigns({ store, access, keeper, log, now })),
    startLoop("fan-outs", FAN_OUTS_MS, log, fanOutAll),
    startLoop("walk", WALK_MS, log, walkAll),
    startLoop("deliveries", DELIVERIES_MS, log, walkDeliveries),
    startLoop("trim", TRIM_MS, log, trim),
    startLoop("privacy", PRIVACY_MS, log, tendPrivacy({ ...options, trim }, holder)),
    startLoop("experiments", EXPERIMENTS_MS, log, () =>
      tendExperiments({ ...options, holder, now }, access.workspaces()),
    ),
    startLoop("queues", QUEUES_MS, log, () => tendQueues(options)),
  ];
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
    },
  };
}

/** Publishes how much waits, and removes what has been decided from the stream. */
async function tendQueues({ bus, metrics }: ScheduleOptions): Promise<void> {
  const all = [DECIDERS, DELIVERERS, { stream: "TRACKING", names: ["track"] } as const, SHOP_EVENT_CONSUMERS];
  const queues = all.flatMap(({ stream, names }) => names.map((name) => [stream, name] as const));
  for (const [stream, name] of queues) {
    const info = await findConsumer(bus, stream, name);
    if (info === undefined) continue;
    metrics.queueDepth.set({ queue: name }, info.num_pending);
    metrics.queueAckPending.set({ queue: name }, info.num_ack_pending);
    metrics.queueRedelivered.set({ queue: name }, info.num_redelivered);
    const oldestMs = await findOldestOfMs(bus, stream, info);
    metrics.queueOldest.set({ queue: name }, Math.max(0, (Date.now() - oldestMs) / 1_000));
  }
  metrics.deadLetters.set((await bus.jsm.streams.info(bus.subjects.stream("DEAD"))).state.messages);
}
