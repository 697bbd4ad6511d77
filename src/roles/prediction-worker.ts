import { fromBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JsMsg } from "@nats-io/jetstream";
import { Match } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { BurstMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { type Prediction, PredictionKind, PredictionSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type Bus, Worker } from "../bus/index.ts";
import { InvalidInput, OverLimit, Unavailable } from "../domain/errors.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { type CloudEvent, parseCloudEvent, parseCloudEventData } from "../integrations/cloud-event.ts";
import type { Metrics } from "../observe/index.ts";
import type { ErasedUsers } from "../privacy/erased-users.ts";
import { countHeard } from "./count-heard.ts";
import { expectWorkspace } from "./expect-workspace.ts";
import type { GivenPrediction, PredictionIntake } from "./prediction-intake.ts";
import type { Triggers } from "./triggers.ts";

/** What hearing predictions stands on. */
export type PredictionWorkerOptions = {
  readonly bus: Bus;
  readonly log: Logger;
  readonly access: Pick<AccessDirectory, "findWorkspace" | "isAbsent">;
  readonly erased: Pick<ErasedUsers, "dropBefore">;
  readonly predictions: PredictionIntake;
  readonly triggers: Pick<Triggers, "onCalm">;
  /** @throws InvalidInput naming every bad field. */
  readonly check: (prediction: Prediction) => Prediction;
  readonly metrics: Pick<Metrics, "predictions" | "heardLag">;
  readonly now: () => Date;
};

type HeardPrediction = GivenPrediction & { readonly heardAt: Date };

const BATCH_MAX = 500;
const TYPE = /^ai\.prediction(?:\.([a-z_]+))?$/;

/** Hears the predictions on `ai.predictions.{workspace}`, and the bursts that have calmed down. */
export async function startPredictionIntake(options: PredictionWorkerOptions): Promise<AsyncDisposable> {
  const { bus, erased, log, metrics, now, predictions, triggers } = options;
  const workers = await Promise.all([
    Worker.start({
      ...{ bus, log, stream: "PREDICTIONS", name: "predictions", batchMax: BATCH_MAX },
      filterSubject: bus.subjects.all.predictions,
      parse: countHeard<JsMsg, HeardPrediction>({
        from: "predictions",
        parse: (message) => parseMessage(message, options),
        now,
        timesOf: ({ prediction: { predictTime } }) => (predictTime === undefined ? [] : [timestampDate(predictTime)]),
        metrics: { ...metrics, countMalformed: () => metrics.predictions.inc({ effect: "malformed" }) },
      }),
      handle: async (batch) => {
        const known = erased.dropBefore(batch, toHeard);
        await Promise.all(known.map((given) => predictions.ingest(given).catch(toUnavailable)));
      },
    }),
    Worker.start({
      ...{ bus, log, stream: "DELAYED", name: "calm", batchMax: BATCH_MAX },
      filterSubject: bus.subjects.all.calm,
      parse: ({ data }) => parseBurst(data),
      handle: async (batch) => void (await Promise.all(batch.map((burst) => triggers.onCalm(burst)))),
    }),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}

const toHeard = ({ workspace, prediction: { userId }, heardAt }: HeardPrediction) => ({ workspace, userId, heardAt });

/** What is only too much now is tried again. */
function toUnavailable(error: unknown): never {
  if (error instanceof OverLimit) throw new Unavailable("engine", { cause: error, retryAfterMs: error.retryAfterMs });
  throw error;
}

function parseMessage(
  { data, headers, subject, time }: JsMsg,
  { access, bus, check }: PredictionWorkerOptions,
): HeardPrediction {
  const workspace = bus.subjects.workspaceOf(subject);
  const heardAt = new Date(time);
  expectWorkspace(access, { workspaceId: workspace, namedAt: heardAt });
  const header = (name: string) => headers?.get(name, Match.IgnoreCase) || undefined;
  return { workspace, heardAt, prediction: check(toPrediction(parseCloudEvent(header, data))) };
}

/** The event's own attributes stand in for what its data leaves out. */
function toPrediction(event: CloudEvent): Prediction {
  const type = TYPE.exec(event.type);
  if (type === null)
    throw new InvalidInput([
      {
        field: "cloud_event.type",
        description: `${JSON.stringify(event.type)} is not ai.prediction or ai.prediction.{kind}`,
      },
    ]);
  const prediction = parseCloudEventData(PredictionSchema, event);
  const kind = type[1]?.toUpperCase() ?? "";
  prediction.predictionId ||= `${event.source}/${event.id}`;
  prediction.userId ||= event.subject ?? "";
  prediction.predictTime ??= event.time === undefined ? undefined : timestampFromDate(event.time);
  prediction.kind ||= isKindName(kind) ? PredictionKind[kind] : PredictionKind.UNSPECIFIED;
  return prediction;
}

const isKindName = (name: string): name is keyof typeof PredictionKind => Object.hasOwn(PredictionKind, name);

function parseBurst(data: Uint8Array) {
  try {
    return fromBinary(BurstMessageSchema, data);
  } catch (error) {
    throw new InvalidInput([{ field: "message", description: `not a BurstMessage: ${String(error)}` }]);
  }
}
