import { jetstream } from "@nats-io/jetstream";
import { connect, headers as createHeaders } from "@nats-io/transport-node";
import { parentChannel } from "./channel.ts";
import { userOf } from "./encode-requests.ts";
import { type FromSender, predictionIdOf, type ToPredictionSender } from "./messages.ts";
import { sendOnTime } from "./send-on-time.ts";

/** Publishes predictions as CloudEvents in binary mode, one message each, as an AI engine would. */
const parent = parentChannel<ToPredictionSender, FromSender>();
const { from, natsUrl, subject, to, users } = await parent.next("prepare");
const nc = await connect({ servers: natsUrl });
const js = jetstream(nc);
const bodies = Array.from({ length: to - from }, (_, i) => encode(from + i));
const starting = parent.next("start");
parent.send({ kind: "prepared" });
const { schedule } = await starting;

const accepted: string[] = [];
const failed: Record<string, number> = {};
const cpuBefore = process.cpuUsage();
const { lateMsMax } = await sendOnTime({ schedule, from, to, send });
const { user, system } = process.cpuUsage(cpuBefore);
parent.send({ kind: "sent", accepted, failed, lateMsMax, cpuS: (user + system) / 1e6 });
await nc.close();

/** The data of a prediction; its time comes with the event. */
function encode(n: number): string {
  return JSON.stringify({
    prediction_id: predictionIdOf(n),
    user_id: userOf(n, users),
    kind: "PREDICTION_KIND_ABANDONMENT_RISK",
    score: 0.9,
    model: "bench",
    model_version: "1",
    features: { items: 3, is_in_checkout: true, purchases: 2 },
  });
}

async function send(n: number): Promise<void> {
  const headers = createHeaders();
  headers.set("content-type", "application/json");
  headers.set("ce-specversion", "1.0");
  headers.set("ce-id", predictionIdOf(n));
  headers.set("ce-source", "/bench");
  headers.set("ce-type", "ai.prediction.abandonment_risk");
  headers.set("ce-time", new Date().toISOString());
  try {
    await js.publish(subject, bodies[n - from] ?? "", { headers });
    // The warm-up counts nowhere.
    if (n >= 0) accepted.push(predictionIdOf(n));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    failed[reason] = (failed[reason] ?? 0) + 1;
  }
}
