import { fromBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { type InterventionMessage, InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { Bus, EventPublisher, PresenceView } from "../bus/index.ts";
import { BatchPublisher, Worker } from "../bus/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import type { Metrics, Traces } from "../observe/index.ts";
import type { Store } from "../store/index.ts";
import { DecisionMaker } from "./decision-maker.ts";
import { EffectRunner } from "./effect-runner.ts";

/** What the role stands on. */
export type DecideOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly events: EventPublisher;
  readonly presence: PresenceView;
  readonly metrics: Metrics;
  readonly traces: Traces;
  readonly log: Logger;
  readonly defaultTimeZone: string;
};

/** One intervention to decide, with what travelled beside it. */
export type ToDecide = { readonly message: InterventionMessage; readonly traceparent: string | undefined };

/** As many as share their reads and writes. */
const BATCH_MAX = 500;
/** A priority has a consumer of its own, so that what is urgent never waits behind a flood. */
const PRIORITIES = ["high", "normal", "low"] as const;
/** Together they take every message of INTERVENTIONS. */
export const DECIDERS = { stream: "INTERVENTIONS", names: PRIORITIES.map((priority) => `decide-${priority}`) } as const;

/** Decides what comes in, and what comes back after a delay. */
export async function startDecide(options: DecideOptions): Promise<AsyncDisposable> {
  const { bus, log } = options;
  const realtime = new BatchPublisher(bus);
  const maker = new DecisionMaker(options);
  const effects = new EffectRunner({ ...options, realtime });
  const handle = async (batch: readonly ToDecide[]) => effects.run(await maker.decideAll(batch));
  const common = {
    bus,
    log,
    handle,
    batchMax: BATCH_MAX,
    parse: (message: { data: Uint8Array; headers?: { get(name: string): string } | undefined }) =>
      toWork(message.data, message.headers?.get("traceparent")),
  };
  const workers = await Promise.all([
    ...PRIORITIES.map((priority) =>
      Worker.start({
        ...common,
        stream: "INTERVENTIONS",
        name: `decide-${priority}`,
        filterSubject: bus.subjects.interventionsOf(priority),
      }),
    ),
    Worker.start({ ...common, stream: "DELAYED", name: "decide-due", filterSubject: bus.subjects.all.due }),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await realtime.drained();
    },
  };
}

function toWork(data: Uint8Array, traceparent: string | undefined): ToDecide {
  try {
    const message = fromBinary(InterventionMessageSchema, data);
    if (message.interventionId !== "" && message.workspace !== "" && message.recipient !== undefined)
      return { message, traceparent: traceparent || undefined };
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not an InterventionMessage: ${String(error)}` }]);
  }
  throw new InvalidInput([
    {
      field: "message",
      description: `an InterventionMessage without workspace, id or recipient, ${data.length} bytes`,
    },
  ]);
}
