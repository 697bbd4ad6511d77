import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  TriggerBatchRequestSchema,
  TriggerBatchResponseSchema,
  TriggerRequestSchema,
} from "../../gen/intervention/v1/intervention_service_pb.js";
import { createCaller } from "./callers.ts";
import { parentChannel } from "./channel.ts";
import type { FromNoisy, ToNoisy } from "./messages.ts";

/** Asks for as much as it can, and again at once when it is refused, whatever it is told about coming later. */
const parent = parentChannel<ToNoisy, FromNoisy>();
const { batch, callsAtOnce, url, apiKey, users } = await parent.next("prepare");
const title = "Come in and look around";
const body =
  "Everything has to go by the end of the week, and so much of it is just what you have always wanted to have.";
/** Without keys of their own, so that the same bytes are new interventions each time. */
const bodies = Array.from({ length: Math.ceil(users / batch) }, (_, k) =>
  toBinary(
    TriggerBatchRequestSchema,
    create(TriggerBatchRequestSchema, {
      requests: Array.from({ length: batch }, (__, i) =>
        create(TriggerRequestSchema, { recipient: { userId: `crowd-${k * batch + i}` }, content: { title, body } }),
      ),
    }),
  ),
);
const caller = createCaller("grpc", { url, apiKey });
const starting = parent.next("start");
const stopping = parent.next("stop");
parent.send({ kind: "prepared" });
await starting;

const reasons: Record<string, number> = {};
let accepted = 0;
let refused = 0;
let isStopping = false;
const startMs = performance.now();
const cpuBefore = process.cpuUsage();
const done = Promise.all(Array.from({ length: callsAtOnce }, (_, k) => keepCalling(k)));
await stopping;
isStopping = true;
await done;
const tookS = (performance.now() - startMs) / 1_000;
caller.close();
const { user, system } = process.cpuUsage(cpuBefore);
parent.send({ kind: "stopped", accepted, refused, reasons, tookS, cpuS: (user + system) / 1e6 });

async function keepCalling(first: number): Promise<void> {
  for (let k = first; !isStopping; k += callsAtOnce) {
    try {
      const answer = await caller.call("TriggerBatch", bodies[k % bodies.length] ?? new Uint8Array());
      for (const { result } of fromBinary(TriggerBatchResponseSchema, answer).results) {
        if (result.case === "response") accepted += 1;
        else refuse(result.value?.message ?? "no result", 1);
      }
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error), batch);
    }
  }
}

function refuse(reason: string, times: number): void {
  refused += times;
  reasons[reason] = (reasons[reason] ?? 0) + times;
}
