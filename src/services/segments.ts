import type { Config } from "../config.ts";
import { defineService } from "../container.ts";
import { startSegments } from "../roles/tend-segments.ts";
import type { SharedServices } from "./shared.ts";

/** What keeps segments' members. */
export function defineSegments(config: Config, shared: SharedServices) {
  const { store, segments, access, log, metrics } = shared;
  const segmentMembers = defineService("segment members", {
    start: async (c) =>
      startSegments({
        store: await c.get(store),
        segments: await c.get(segments),
        access: await c.get(access),
        log: await c.get(log),
        metrics: await c.get(metrics),
        sweepMs: config.SEGMENT_SWEEP_MS,
        now: () => new Date(),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  return { segmentMembers };
}
