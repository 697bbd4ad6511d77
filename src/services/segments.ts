import type { Config } from "../config.ts";
import { defineService } from "../container.ts";
import { startSegments } from "../roles/tend-segments.ts";
import type { IntakeServices } from "./intake.ts";
import type { SharedServices } from "./shared.ts";

/** What keeps segments' members, and what their coming and going triggers. */
export function defineSegments(config: Config, shared: SharedServices, { triggers }: IntakeServices) {
  const { store, segments, access, log, metrics } = shared;
  const segmentMembers = defineService("segment members", {
    start: async (c) => {
      const triggered = await c.get(triggers);
      return startSegments({
        store: await c.get(store),
        segments: await c.get(segments),
        access: await c.get(access),
        log: await c.get(log),
        metrics: await c.get(metrics),
        sweepMs: config.SEGMENT_SWEEP_MS,
        onChanges: (changes) => triggered.onSegmentChanges(changes),
        now: () => new Date(),
      });
    },
    stop: (value) => value[Symbol.asyncDispose](),
  });
  return { segmentMembers };
}
