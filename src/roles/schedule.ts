import { randomUUID } from "node:crypto";
import { type ConsumerInfo, JetStreamApiError } from "@nats-io/jetstream";
import type { Logger } from "pino";
import type { Bus, EventPublisher, StreamName } from "../bus/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Metrics } from "../observe/index.ts";
import { claimLease, type Store } from "../store/index.ts";
import { Walk } from "./walk.ts";
import { walkDelayed } from "./walk-delayed.ts";

/** What the role stands on. */
export type ScheduleOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly events: EventPublisher;
  readonly access: AccessDirectory;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly undeliveredAfterMs: number;
  readonly reconcileAfterMs: number;
};

const WALK_MS = 1_000;
const QUEUES_MS = 5_000;
/** Whoever walks keeps the right to it this long: when he dies another one goes on. */
const LEASE_MS = 10_000;

/** Looks after what time alone brings about. Any number of these may run: one of them walks. */
export function startSchedule(options: ScheduleOptions): AsyncDisposable {
  const { access, bus, store, events, metrics, log } = options;
  const walkOptions = {
    bus,
    store,
    events,
    metrics,
    log,
    undeliveredAfterMs: options.undeliveredAfterMs,
    undecidedAfterMs: options.reconcileAfterMs,
  };
  const walks = new Map<string, Walk>();
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
    }
  };
  let isStuck = false;
  const loops = [
    startLoop("walk", WALK_MS, log, walkAll),
    startLoop("queues", QUEUES_MS, log, async () => {
      isStuck = await watchQueues(options, isStuck);
    }),
  ];
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
    },
  };
}

/** Runs a task again and again with a pause; a failure is told and tried again, and never ends the loop. */
function startLoop(name: string, pauseMs: number, log: Logger, task: () => Promise<unknown>): AsyncDisposable {
  const stop = new AbortController();
  const run = async () => {
    while (!stop.signal.aborted) {
      try {
        await task();
      } catch (error) {
        log.warn({ event: "loop_failed", loop: name, err: error }, "a regular task failed and will be tried again");
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        stop.signal.addEventListener(
          "abort",
          () => {
            clearTimeout(timer);
            resolve();
          },
          { once: true },
        );
      });
    }
  };
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

const CONSUMERS: readonly (readonly [StreamName, string])[] = [
  ["INTERVENTIONS", "decide-high"],
  ["INTERVENTIONS", "decide-normal"],
  ["INTERVENTIONS", "decide-low"],
  ["TRACKING", "track"],
];

/** Publishes how much waits, and rebuilds the consumers of a work queue that have stopped seeing its messages: JetStream has had
 *  work queues with messages that no consumer counted as pending (nats-server#7680).
 *  @param wasStuck whether the look before found it so too: once may be just a message on its way.
 *  @returns whether it looks stuck now. */
async function watchQueues({ bus, log, metrics }: ScheduleOptions, wasStuck: boolean): Promise<boolean> {
  let seen = 0;
  for (const [stream, name] of CONSUMERS) {
    const info = await findConsumer(bus, stream, name);
    if (info === undefined) continue;
    metrics.queueDepth.set({ queue: name }, info.num_pending);
    metrics.queueAckPending.set({ queue: name }, info.num_ack_pending);
    if (stream === "INTERVENTIONS") seen += info.num_pending + info.num_ack_pending;
  }
  const { state } = await bus.jsm.streams.info(bus.subjects.stream("INTERVENTIONS"));
  metrics.deadLetters.set((await bus.jsm.streams.info(bus.subjects.stream("DEAD"))).state.messages);
  const isStuck = state.messages > 0 && seen === 0;
  if (!isStuck || !wasStuck) return isStuck;
  log.error(
    { event: "queue_stuck", messages: state.messages },
    "the work queue holds messages that no consumer sees: its consumers are made anew",
  );
  for (const [stream, name] of CONSUMERS)
    if (stream === "INTERVENTIONS") await bus.jsm.consumers.delete(bus.subjects.stream(stream), name);
  return false;
}

const CONSUMER_NOT_FOUND = 10014;

async function findConsumer(bus: Bus, stream: StreamName, name: string): Promise<ConsumerInfo | undefined> {
  try {
    return await bus.jsm.consumers.info(bus.subjects.stream(stream), name);
  } catch (error) {
    // Nobody has started that role yet.
    if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return undefined;
    throw error;
  }
}
