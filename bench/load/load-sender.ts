import { fromBinary } from "@bufbuild/protobuf";
import {
  TriggerBatchResponseSchema,
  TriggerResponseSchema,
} from "../../gen/intervention/v1/intervention_service_pb.js";
import { createCaller } from "./callers.ts";
import { parentChannel } from "./channel.ts";
import { encodeRequests } from "./encode-requests.ts";
import type { FromSender, ToSender } from "./messages.ts";
import { sendOnTime } from "./send-on-time.ts";

/** Triggers interventions by RPC. */
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
const cpuBefore = process.cpuUsage();

const { lateMsMax } = await sendOnTime({ schedule, from, to, send });
caller.close();
const { user, system } = process.cpuUsage(cpuBefore);
parent.send({ kind: "sent", accepted, failed, lateMsMax, cpuS: (user + system) / 1e6 });

async function send(first: number, end: number): Promise<void> {
  try {
    const ids = await trigger(bodies[(first - from) / batch] ?? new Uint8Array());
    // The warm-up counts nowhere.
    for (const [i, id] of ids.entries()) if (first + i >= 0 && id !== undefined) accepted.push(id);
  } catch (error) {
    count(error instanceof Error ? error.message : String(error), end - first);
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
