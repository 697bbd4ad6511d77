import { createClient } from "@connectrpc/connect";
import { EventKind } from "../../gen/intervention/v1/event_pb.js";
import { TrackingService } from "../../gen/intervention/v1/tracking_service_pb.js";
import type { Engine } from "../../src/start/index.ts";
import { forEachOf, toTransport, untilAnswered } from "../call-engine.ts";
import { untilStill } from "../until-still.ts";
import type { TrackStore } from "./open-track-store.ts";
import { waitForAll } from "./wait-for-all.ts";

const batchMax = 1_000;
const callsAtOnce = 4;
const perIntervention = 10;
const stillMsMax = 60_000;

/** Reports clicks as another service does, as fast as they are taken.
 *  @returns how fast they were stored, and what of them is missing or there too often. */
export async function reportInBatches(engine: Engine, store: TrackStore, events: number) {
  const ids = await store.send("b", Math.ceil(events / perIntervention), 5_000);
  const before = await store.events.estimatedDocumentCount();
  const client = createClient(TrackingService, toTransport(engine));
  const startMs = performance.now();
  const batches = Array.from({ length: Math.ceil(events / batchMax) }, (_, i) => i * batchMax);
  await forEachOf(batches, callsAtOnce, async (from) => {
    const touchpoints = Array.from({ length: Math.min(batchMax, events - from) }, (_, i) => ({
      kind: EventKind.CLICKED,
      interventionId: ids[Math.floor((from + i) / perIntervention)] ?? "",
      id: String((from + i) % perIntervention),
    }));
    const { results } = await untilAnswered(() => client.trackBatch({ touchpoints }));
    const bad = results.find(({ code }) => code !== 0);
    if (bad !== undefined) throw new Error(`a touchpoint was refused: ${bad.message}`);
  });
  const missing = await waitForAll(store.events as never, before, events);
  const storedS = (performance.now() - startMs) / 1_000;
  await untilStill({ left: () => store.marks.estimatedDocumentCount(), stillMsMax, pollMs: 200 });
  const counted = await countRolledUp(store, "clicked", startMs);
  return {
    storedPerS: events / storedS,
    rolledUpAfterS: Math.round((performance.now() - startMs) / 100) / 10,
    lost: Math.max(0, missing) + Math.max(0, events - counted),
    twice: Math.max(0, -missing) + Math.max(0, counted - events),
  };
}

/** What the figures of the hours since then say. */
async function countRolledUp(store: TrackStore, name: string, startMs: number): Promise<number> {
  const sinceMs = Date.now() - (performance.now() - startMs);
  const hours = [...Array(4).keys()].map((n) => `${store.workspaceId}/hour/${Math.floor(sinceMs / 3_600_000) + n}`);
  const found = await store.rollups.find({ _id: { $in: hours } }).toArray();
  return found.flatMap(({ cells }) => cells).reduce((total, { counts }) => total + (counts[name] ?? 0), 0);
}
