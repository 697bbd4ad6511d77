import type { Logger } from "pino";
import type { Bus, EventPublisher, StreamName } from "../bus/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Metrics } from "../observe/index.ts";
import type { Store } from "../store/index.ts";
import { reconcileAccepted, reconcileDelayed } from "./reconcile.ts";
import { sweepUndelivered } from "./sweep.ts";

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

const SWEEP_MS = 1_000;
/** As often as waiting for the reconciler makes sense at all. */
const RECONCILE_MS_MAX = 5_000;
const QUEUES_MS = 5_000;
/** One sweep goes on while it finds full pages, up to this many: a mass disconnect is worked off at once. */
const PAGES_MAX = 100;

/** Looks after what time alone brings about. Any number of these may run: what they do is claimed or safe to repeat. */
export function startSchedule(options: ScheduleOptions): AsyncDisposable {
  const { access, bus, store, metrics, log } = options;
  const sweep = { bus, store, metrics, log, events: options.events, undeliveredAfterMs: options.undeliveredAfterMs };
  const reconcile = { bus, store, metrics, log, afterMs: options.reconcileAfterMs };
  const eachWorkspace = async (work: (workspaceId: string) => Promise<unknown>) => {
    for (const { id } of access.workspaces()) await work(id);
  };
  let isStuck = false;
  const loops = [
    startLoop("sweep", SWEEP_MS, log, () =>
      eachWorkspace(async (id) => {
        for (let page = 0; page < PAGES_MAX && (await sweepUndelivered(sweep, id, new Date())) > 0; page += 1);
      }),
    ),
    startLoop("reconcile", Math.min(RECONCILE_MS_MAX, options.reconcileAfterMs), log, () =>
      eachWorkspace(async (id) => {
        await reconcileAccepted(reconcile, id, new Date());
        await reconcileDelayed(reconcile, id, new Date());
      }),
    ),
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
        stop.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
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
    const info = await bus.jsm.consumers.info(bus.subjects.stream(stream), name);
    metrics.queueDepth.set({ queue: name }, info.num_pending);
    metrics.queueAckPending.set({ queue: name }, info.num_ack_pending);
    if (stream === "INTERVENTIONS") seen += info.num_pending + info.num_ack_pending;
  }
  const { state } = await bus.jsm.streams.info(bus.subjects.stream("INTERVENTIONS"));
  metrics.deadLetters.set((await bus.jsm.streams.info(bus.subjects.stream("DEAD"))).state.messages);
  const isStuck = state.messages > 0 && seen === 0;
  if (!isStuck || !wasStuck) return isStuck;
  log.error({ event: "queue_stuck", messages: state.messages }, "the work queue holds messages that no consumer sees: its consumers are made anew");
  for (const [stream, name] of CONSUMERS) if (stream === "INTERVENTIONS") await bus.jsm.consumers.delete(bus.subjects.stream(stream), name);
  return false;
}
