import { setTimeout as delay } from "node:timers/promises";
import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import { connect, headers as createHeaders, Match } from "@nats-io/transport-node";
import { type BgNbdParameters, PUBLISHED_CDNOW } from "../../../src/domain/statistics/bg-nbd.ts";
import { decodeCloudEvent, encodeCloudEvent } from "../cloud-event.ts";
import { type Faults, GARBAGE } from "../faults/faults.ts";
import { type PredictionData, ShopperModel } from "./shopper-model.ts";

export type AiEngineOptions = {
  readonly natsUrl: string;
  readonly workspace: string;
  /** Default: the published fit. */
  readonly parameters?: BgNbdParameters;
  /** Purchases of before the first event: customer and YYYY-MM-DD. Default: none. */
  readonly history?: Iterable<{ readonly customer: string; readonly date: string }>;
  /** What it publishes of all that it foresees. Default: everything. */
  readonly kinds?: readonly PredictionData["kind"][];
  /** Prefix of streams and subjects, as the engine's setting NAMESPACE. Default: none. */
  readonly namespace?: string;
  /** How badly it behaves. Default: well. */
  readonly faults?: Faults;
};

/** Counted once everything that follows from an event is stored, or lost where it is made to behave badly. */
export type AiEngineCounts = { events: number; notUnderstood: number; predictions: number };

export type AiEngine = AsyncDisposable & {
  readonly counts: Readonly<AiEngineCounts>;
  readonly shopperCount: number;
  stop(): Promise<void>;
};

const SOURCE = "/sandbox/ai-engine";
const batchMax = 1_000;
/** The server is held to be away when it has not been heard for about this long. */
const pullMs = 4_000;
const requestMsMax = 5_000;
const retryMs = 500;

/** Hears `events.cart.{workspace}` from the first event on, and publishes what it foresees on `ai.predictions.{workspace}`. It keeps
 *  nothing on disk: started again it hears everything again, and predicts the same under the same ids. */
export async function startAiEngine(options: AiEngineOptions): Promise<AiEngine> {
  const prefix = options.namespace === undefined || options.namespace === "" ? "" : `${options.namespace}.`;
  const nc = await connect({ servers: options.natsUrl, name: "sandbox AI engine", maxReconnectAttempts: -1 });
  const js = jetstream(nc, { timeout: requestMsMax });
  const jsm = await jetstreamManager(nc, { timeout: requestMsMax });
  const eventsSubject = `${prefix}events.cart.${options.workspace}`;
  const predictionsSubject = `${prefix}ai.predictions.${options.workspace}`;
  const stream = await ensureStream(jsm, `${prefix.replace(".", "_")}EVENTS`, `${prefix}events.cart.>`);
  await ensureStream(jsm, `${prefix.replace(".", "_")}PREDICTIONS`, `${prefix}ai.predictions.>`);
  const model = new ShopperModel(options.parameters ?? PUBLISHED_CDNOW);
  for (const { customer, date } of options.history ?? []) model.learn(customer, date);
  const counts: AiEngineCounts = { events: 0, notUnderstood: 0, predictions: 0 };
  const { kinds } = options;
  let isStopping = false;
  let nextSequence = 1;
  let pull: ConsumerMessages | undefined;

  /** Repeats until it is stored; gives up only when it is to stop. */
  async function publish(prediction: PredictionData): Promise<void> {
    const strike = (await options.faults?.strikeMessage(() => isStopping)) ?? "none";
    if (strike === "error") return;
    const { body, options: publishOptions } = toMessage(prediction, strike === "garbage");
    for (;;) {
      try {
        await js.publish(predictionsSubject, body, publishOptions);
        return;
      } catch (error) {
        if (isStopping) throw error;
        await delay(retryMs);
      }
    }
  }

  async function hear(): Promise<void> {
    const { name } = await jsm.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      filter_subject: eventsSubject,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: nextSequence,
      inactive_threshold: 30_000_000_000,
      mem_storage: true,
    });
    const consumer = await js.consumers.get(stream, name);
    while (!isStopping) {
      const heard: JsMsg[] = [];
      let failure: unknown;
      let taking: Promise<void> | undefined;
      // What comes while others are taken in is taken in together after them; a lone one waits for nobody.
      const take = async (): Promise<void> => {
        try {
          while (heard.length > 0) await takeIn(heard.splice(0));
        } catch (error) {
          failure ??= error;
        }
        taking = undefined;
      };
      try {
        pull = await consumer.fetch({ max_messages: batchMax, expires: pullMs });
        if (isStopping) pull.stop();
        for await (const message of pull) {
          heard.push(message);
          taking ??= take();
        }
      } finally {
        // The model remembers what it has seen: what was given to it is published too, even if the pull broke off.
        await taking;
      }
      if (failure !== undefined) throw failure;
    }
  }

  async function takeIn(messages: readonly JsMsg[]): Promise<void> {
    const foreseen = messages.map((message) => foresee(model, message));
    const predictions = foreseen.flatMap((some) => some ?? []).filter(({ kind }) => kinds?.includes(kind) ?? true);
    await Promise.all(predictions.map((prediction) => publish(prediction)));
    counts.events += messages.length;
    counts.notUnderstood += foreseen.filter((some) => some === undefined).length;
    counts.predictions += predictions.length;
    // Only now: what was not published would else be lost with the consumer.
    nextSequence = (messages.at(-1)?.seq ?? nextSequence - 1) + 1;
  }

  async function keepHearing(): Promise<void> {
    while (!isStopping) {
      try {
        await hear();
      } catch (error) {
        if (isStopping) return;
        // The server is away or has forgotten the consumer: a new one goes on behind the last event.
        process.stderr.write(`sandbox AI engine: ${String(error)}; trying again\n`);
        await delay(retryMs);
      }
    }
  }

  const hearing = keepHearing();
  async function stop(): Promise<void> {
    isStopping = true;
    pull?.stop();
    await hearing;
    await nc.close();
  }
  return {
    counts,
    get shopperCount() {
      return model.shopperCount;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** @returns undefined for what is no CloudEvent. */
function foresee(model: ShopperModel, message: JsMsg): PredictionData[] | undefined {
  const header = (name: string) => message.headers?.get(name, Match.IgnoreCase) || undefined;
  const event = decodeCloudEvent(header, message.data);
  return event === undefined ? undefined : model.apply(event);
}

/** A prediction as a CloudEvent in binary mode, under a message id of its own. As garbage it has another one, and nothing to read. */
function toMessage(prediction: PredictionData, isGarbage: boolean) {
  const { prediction_id: id, user_id: userId, predict_time: time, kind } = prediction;
  const type = `ai.prediction.${kind.slice("PREDICTION_KIND_".length).toLowerCase()}`;
  const encoded = encodeCloudEvent({ id, source: SOURCE, type, subject: userId, time, data: prediction }, "binary");
  const headers = createHeaders();
  for (const [name, value] of Object.entries(encoded.headers)) headers.set(name, value);
  if (isGarbage) return { body: GARBAGE, options: { headers, msgID: `${id}-garbage` } };
  return { body: encoded.body, options: { headers, msgID: id } };
}

/** @returns the name of the stream that has the subject; made when there is none. */
async function ensureStream(jsm: JetStreamManager, name: string, subject: string): Promise<string> {
  for await (const found of jsm.streams.names(subject)) return found;
  try {
    await jsm.streams.add({ name, subjects: [subject] });
  } catch (error) {
    // Another one was first.
    if (!(error instanceof Error && error.message.includes("already in use"))) throw error;
  }
  return name;
}
