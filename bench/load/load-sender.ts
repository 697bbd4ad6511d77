import { setTimeout as delay } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import {
  TriggerBatchResponseSchema,
  TriggerResponseSchema,
} from "../../gen/intervention/v1/intervention_service_pb.js";
import { machineMs } from "../latencies.ts";
import { createCaller } from "./callers.ts";
import { parentChannel } from "./channel.ts";
import { encodeRequests } from "./encode-requests.ts";
import { type FromSender, intendedMs, type ToSender } from "./messages.ts";

/** Sends at the intended times whether or not the engine keeps up: a slow answer holds nothing back, and so hides nothing. */
const parent = parentChannel<ToSender, FromSender>();
const { batch, from, to, caller: kind, url, apiKey, users } = await parent.next("prepare");
const run = Math.floor(Date.now() / 1_000).toString(36);
const bodies = encodeRequests({ from, to, batch, users, run });
const caller = createCaller(kind, { url, apiKey });
const starting = parent.next("start");
parent.send({ kind: "prepared" });
const { schedule } = await starting;

const accepted: string[] = [];
const failed: Record<string, number> = {};
const underWay = new Set<Promise<void>>();
let lateMsMax = 0;
const cpuBefore = process.cpuUsage();

for (let k = 0; k < bodies.length; ) {
  const nowMs = machineMs();
  const dueMs = intendedMs(schedule, from + k * batch);
  if (dueMs > nowMs) {
    await delay(dueMs - nowMs);
    continue;
  }
  if (from + k * batch >= 0) lateMsMax = Math.max(lateMsMax, nowMs - dueMs);
  const sending = send(k).finally(() => underWay.delete(sending));
  underWay.add(sending);
  k += 1;
}
await Promise.all(underWay);
caller.close();
const { user, system } = process.cpuUsage(cpuBefore);
parent.send({ kind: "sent", accepted, failed, lateMsMax, cpuS: (user + system) / 1e6 });

async function send(k: number): Promise<void> {
  const first = from + k * batch;
  try {
    const ids = await trigger(bodies[k] ?? new Uint8Array());
    // The warm-up counts nowhere.
    for (const [i, id] of ids.entries()) if (first + i >= 0 && id !== undefined) accepted.push(id);
  } catch (error) {
    count(error instanceof Error ? error.message : String(error), Math.min(batch, to - first));
  }
}

async function trigger(body: Uint8Array): Promise<(string | undefined)[]> {
  if (batch === 1) return [fromBinary(TriggerResponseSchema, await caller.call("Trigger", body)).interventionId];
  const { results } = fromBinary(TriggerBatchResponseSchema, await caller.call("TriggerBatch", body));
  return results.map(({ result }) => {
    if (result.case === "response") return result.value.interventionId;
    count(result.value?.message ?? "no result", 1);
    return undefined;
  });
}

function count(reason: string, times: number): void {
  failed[reason] = (failed[reason] ?? 0) + times;
}
