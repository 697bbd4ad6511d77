import { toBinary } from "@bufbuild/protobuf";
import { headers as createHeaders } from "@nats-io/transport-node";
import { CloudEvent, HTTP } from "cloudevents";
import { describe, expect, it } from "vitest";
import { PredictionKind, PredictionSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { parsePrediction } from "../api/parse-prediction.ts";
import { listDeadLetters } from "../bus/index.ts";
import { createWorkspace } from "../integrations/access-directory.ts";
import { findNewestPrediction } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { prediction, startTriggers } from "./testing/trigger-parts.ts";

type Parts = Awaited<ReturnType<typeof startTriggers>>;

const DATA = { userId: "ada", score: 0.9, model: "bg-nbd", modelVersion: "1" };
const toEvent = (more: object = {}, data: object = DATA) =>
  new CloudEvent({
    source: "//ai.example.com/engine",
    type: "ai.prediction.abandonment_risk",
    datacontenttype: "application/json",
    data,
    ...more,
  });

/** Puts an event on the stream as the SDK writes it: the headers of its HTTP binding are those of the NATS binding. */
async function send({ bus }: Parts, mode: "binary" | "structured", event: CloudEvent<unknown>, workspace = "main") {
  const { headers, body } = HTTP[mode](event);
  const found = createHeaders();
  for (const [name, value] of Object.entries(headers)) found.set(name, String(value));
  await bus.js.publish(bus.subjects.predictions(workspace), String(body), { headers: found });
}

const newest = ({ store }: Parts, userId = "ada") =>
  findNewestPrediction(store, {
    ...{ workspaceId: "main", userId, kind: PredictionKind.ABANDONMENT_RISK },
    now: new Date(),
  });

describe("predictions on the stream", () => {
  it.each(["binary", "structured"] as const)("come as CloudEvents in %s mode", async (mode) => {
    await using parts = await startTriggers();
    await parts.run("any");
    await using _worker = await parts.startWorker(parts, parsePrediction);
    await send(parts, mode, toEvent({ id: "e-1", time: new Date(Date.now() - 1_000).toISOString() }));
    const [message] = await until(async () => {
      const accepted = await parts.accepted();
      return accepted.length === 1 && accepted;
    }, "intervention");
    expect(message?.trigger?.prediction).toMatchObject({
      ...DATA,
      predictionId: "//ai.example.com/engine/e-1",
      kind: PredictionKind.ABANDONMENT_RISK,
    });
    await until(() => newest(parts), "kept");
  });

  it("come in protobuf too", async () => {
    await using parts = await startTriggers();
    await using _worker = await parts.startWorker(parts, parsePrediction);
    const headers = createHeaders();
    const attributes = { specversion: "1.0", id: "e", source: "s", type: "ai.prediction" };
    for (const [name, value] of Object.entries(attributes)) headers.set(`ce-${name}`, value);
    headers.set("content-type", "application/protobuf");
    const data = toBinary(PredictionSchema, prediction({ predictionId: "mine" }));
    await parts.bus.js.publish(parts.bus.subjects.predictions("main"), data, { headers });
    expect(await until(() => newest(parts), "kept")).toMatchObject({ predictionId: "mine" });
  });

  it("come through when their workspace was made by another process a moment ago", async () => {
    await using parts = await startTriggers();
    await using _worker = await parts.startWorker(parts, parsePrediction);
    // Sent first, so that whoever hears of it can't know the workspace yet.
    await send(parts, "binary", toEvent({ id: "e", time: new Date().toISOString() }), "new");
    await createWorkspace(parts.store, "new");
    await until(() => parts.store.predictions.findOne({ workspaceId: "new" }), "the prediction kept");
    expect(await listDeadLetters(parts.bus, { workspace: "new", after: 0, limit: 10 })).toEqual([]);
  });

  it("do not come back from before their shopper was erased, but those of after that count", async () => {
    await using parts = await startTriggers();
    const at = (id: string) => toEvent({ id, time: new Date().toISOString() });
    await send(parts, "binary", at("before"));
    await parts.erase("ada");
    await using _worker = await parts.startWorker(parts, parsePrediction);
    await send(parts, "binary", at("after"));
    expect(await until(() => newest(parts), "kept")).toMatchObject({ predictionId: expect.stringMatching(/after$/) });
    expect(await parts.store.predictions.countDocuments({ userId: "ada" })).toBe(1);
  });

  it("that are malformed go to the dead letters with the reason, and never stop the rest", async () => {
    await using parts = await startTriggers();
    await using _worker = await parts.startWorker(parts, parsePrediction);
    await parts.bus.js.publish(parts.bus.subjects.predictions("main"), "not an event");
    await send(parts, "binary", toEvent({}, { ...DATA, score: 1.5, model: "" }));
    await send(parts, "binary", toEvent({ type: "shop.item.added" }));
    await send(parts, "structured", toEvent({}, { score: "high" }));
    await send(parts, "binary", toEvent({ time: new Date().toISOString() }, { ...DATA, userId: "bob" }));
    await until(() => newest(parts, "bob"), "the good one");
    const letters = await until(async () => {
      const found = await listDeadLetters(parts.bus, { workspace: "main", after: 0, limit: 10 });
      return found.length === 4 && found;
    }, "dead letters");
    expect(letters.map(({ reason }) => reason)).toEqual(["malformed", "malformed", "malformed", "malformed"]);
    const { values } = await parts.metrics.predictions.get();
    expect(values.find(({ labels }) => labels.effect === "malformed")?.value).toBe(4);
    const errors = letters.map(({ error }) => error);
    expect(errors.find((error) => error.includes("score: 1.5"))).toContain("model: it is empty");
    expect(errors.find((error) => error.includes("shop.item.added"))).toContain("cloud_event.type");
    expect(errors.find((error) => error.includes("cloud_event.specversion"))).toBeDefined();
  });
});
