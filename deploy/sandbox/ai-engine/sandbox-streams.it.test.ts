import { randomBytes } from "node:crypto";
import { fromJsonString } from "@bufbuild/protobuf";
import { connect } from "nats";
import { describe, expect, inject, it } from "vitest";
import { readCdnow } from "../../../bench/cdnow.ts";
import { PredictionKind, PredictionSchema } from "../../../gen/intervention/v1/shopper_pb.js";
import { PUBLISHED_CDNOW, probabilityOfPurchase } from "../../../src/domain/statistics/bg-nbd.ts";
import { until } from "../../../src/testing/until.ts";
import { startEventPipeline } from "../event-pipeline/start-event-pipeline.ts";
import { Faults } from "../faults/faults.ts";
import { startAiEngine } from "./start-ai-engine.ts";

async function withNamespace() {
  const namespace = `s${randomBytes(6).toString("hex")}`;
  const nc = await connect({ servers: inject("natsUrl") });
  const jsm = await nc.jetstreamManager();
  return {
    place: { natsUrl: inject("natsUrl"), workspace: "main", namespace },
    async read(stream: "EVENTS" | "PREDICTIONS") {
      const name = `${namespace}_${stream}`;
      const { last_seq: last } = (await jsm.streams.info(name)).state;
      return await Promise.all(Array.from({ length: last }, (_, i) => jsm.streams.getMessage(name, { seq: i + 1 })));
    },
    async [Symbol.asyncDispose]() {
      for (const stream of ["EVENTS", "PREDICTIONS"])
        await jsm.streams.delete(`${namespace}_${stream}`).catch((error: unknown) => {
          if (!String(error).includes("not found")) throw error;
        });
      await nc.close();
    },
  };
}

/** Everything one customer bought, who came back often. */
const purchases = (await readCdnow()).filter(({ customer }) => customer === "00004");

describe("the event pipeline and the AI engine over JetStream", () => {
  it("turn every purchase into predictions of its buyer, the malformed and the repeated beside them into none", async () => {
    await using bus = await withNamespace();
    await using ai = await startAiEngine(bus.place);
    await using pipeline = await startEventPipeline({
      ...bus.place,
      purchases,
      malformedShare: 0.5,
      duplicateShare: 0.5,
      abandonedShare: 0.5,
    });
    const counts = await pipeline.done;
    expect(counts).toMatchObject({ purchases: purchases.length });
    expect(counts.malformed).toBeGreaterThan(0);
    expect(counts.duplicate).toBeGreaterThan(0);
    await until(() => ai.counts.events === counts.good + counts.duplicate + counts.malformed, "all events heard");
    expect(await bus.read("EVENTS")).toHaveLength(ai.counts.events);

    const published = await bus.read("PREDICTIONS");
    expect(published).toHaveLength(ai.counts.predictions);
    const predictions = published.map((message) => fromJsonString(PredictionSchema, message.string()));
    expect(new Set(predictions.map(({ predictionId }) => predictionId))).toHaveLength(predictions.length);
    const intents = predictions.filter(({ kind }) => kind === PredictionKind.PURCHASE_INTENT);
    expect(intents.map(({ features }) => features?.order_id)).toEqual(purchases.map(({ line }) => `cdnow-${line}`));
    // Bought on four days; from 1997-01-01 to 1997-12-12 it is 345 days.
    const history = { x: 3, tX: 345 / 7, T: 345 / 7 };
    expect(intents.at(-1)?.score).toBeCloseTo(probabilityOfPurchase(PUBLISHED_CDNOW, history, 4), 12);
    expect(predictions.filter(({ kind }) => kind === PredictionKind.CHURN)).toHaveLength(purchases.length);
    expect(predictions.every(({ score }) => score >= 0 && score <= 1)).toBe(true);
  });

  it("predict the same under the same ids when the AI engine starts again, so that nothing is stored twice", async () => {
    await using bus = await withNamespace();
    await using pipeline = await startEventPipeline({ ...bus.place, purchases });
    const { good } = await pipeline.done;
    for (let run = 0; run < 2; run++) {
      await using ai = await startAiEngine(bus.place);
      await until(() => ai.counts.events === good && ai.counts.predictions > 0, "all events heard");
    }
    const ids = (await bus.read("PREDICTIONS")).map(({ header }) => header.get("ce-id"));
    expect(ids.length).toBeGreaterThan(0);
    expect(new Set(ids)).toHaveLength(ids.length);
  });

  it("store what their faults make of it: garbage in place of each message, or nothing", async () => {
    await using bus = await withNamespace();
    const faults = new Faults();
    faults.set({ garbage: true });
    await using ai = await startAiEngine(bus.place);
    await using garbled = await startEventPipeline({ ...bus.place, purchases, faults });
    const { good, malformed } = await garbled.done;
    expect([good, malformed]).toEqual([0, (await bus.read("EVENTS")).length]);
    await until(() => ai.counts.notUnderstood === malformed, "all garbage heard");
    faults.set({ error_rate: 1 });
    await using silent = await startEventPipeline({ ...bus.place, purchases, faults });
    expect(await silent.done).toMatchObject({ purchases: purchases.length, good: 0, duplicate: 0, malformed: 0 });
    expect(await bus.read("EVENTS")).toHaveLength(malformed);
    expect(malformed).toBeGreaterThan(purchases.length);
  });

  it("publishes only the kinds that it is asked for", async () => {
    await using bus = await withNamespace();
    await using ai = await startAiEngine({ ...bus.place, kinds: ["PREDICTION_KIND_CHURN"] });
    await using pipeline = await startEventPipeline({ ...bus.place, purchases });
    const { good } = await pipeline.done;
    await until(() => ai.counts.events === good, "all events heard");
    const kinds = (await bus.read("PREDICTIONS")).map(({ header }) => header.get("ce-type"));
    expect(kinds).toEqual(purchases.map(() => "ai.prediction.churn"));
  });
});

describe("the event pipeline", () => {
  it("holds a customer's next purchase back until the one before is through, and nobody else's", async () => {
    const [first, second] = purchases;
    const others = (await readCdnow()).find(({ customer }) => customer !== first?.customer);
    if (first === undefined || second === undefined || others === undefined) throw new Error("the data are not these");
    const { promise: through, resolve } = Promise.withResolvers<void>();
    const sent: number[] = [];
    await using bus = await withNamespace();
    await using pipeline = await startEventPipeline({
      ...bus.place,
      purchases: [first, second, others],
      onSent: ({ line }) => void sent.push(line),
      until: ({ line }) => (line === first.line ? through : Promise.resolve()),
    });
    await until(() => sent.includes(others.line), "the other customer's purchase sent");
    const sentBefore = new Set(sent);
    resolve();
    await pipeline.done;
    expect(sentBefore).toEqual(new Set([first.line, others.line]));
    expect(sent).toContain(second.line);
  });
});
