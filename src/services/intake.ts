import { parsePrediction } from "../api/parse-prediction.ts";
import type { Config } from "../config.ts";
import { defineService } from "../container.ts";
import { startAbandonment } from "../roles/abandonment.ts";
import { CartWatches } from "../roles/cart-watches.ts";
import { startEventIntake } from "../roles/event-intake.ts";
import { PredictionIntake } from "../roles/prediction-intake.ts";
import { startPredictionIntake } from "../roles/prediction-worker.ts";
import { findProfileFacts } from "../roles/profile-facts.ts";
import { findContext } from "../roles/shopper-contexts.ts";
import { type ShopperFacts, Triggers } from "../roles/triggers.ts";
import type { SharedServices } from "./shared.ts";

/** What is heard of shoppers, and what it triggers. */
export function defineIntake(config: Config, shared: SharedServices) {
  const { log, metrics, bus, store, access, erased, campaigns, segments, events, acceptor } = shared;
  const facts = defineService("facts", {
    start: async (c): Promise<ShopperFacts> => {
      const known = await c.get(store);
      return {
        findContext: (workspaceId, userId) => findContext(known, workspaceId, userId),
        findProfile: (workspaceId, userId) => findProfileFacts(known, workspaceId, userId),
      };
    },
  });
  const triggers = defineService("triggers", {
    start: async (c) =>
      new Triggers({
        acceptor: await c.get(acceptor),
        campaigns: await c.get(campaigns),
        access: await c.get(access),
        store: await c.get(store),
        bus: await c.get(bus),
        metrics: await c.get(metrics),
        facts: await c.get(facts),
        defaultTimeZone: config.DEFAULT_TIME_ZONE,
        now: () => new Date(),
      }),
  });
  const predictions = defineService("predictions", {
    start: async (c) =>
      new PredictionIntake({
        store: await c.get(store),
        triggers: await c.get(triggers),
        segments: await c.get(segments),
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
  });
  const predictionIntake = defineService("prediction intake", {
    start: async (c) =>
      startPredictionIntake({
        erased: await c.get(erased),
        bus: await c.get(bus),
        log: await c.get(log),
        access: await c.get(access),
        predictions: await c.get(predictions),
        triggers: await c.get(triggers),
        check: parsePrediction,
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const silence = { afterMs: config.ABANDON_AFTER_MS, ageMsMax: config.EVENT_TRIGGER_AGE_MS, now: () => new Date() };
  const cartWatches = defineService("cart watches", {
    start: async (c) =>
      silence.afterMs === 0 ? undefined : new CartWatches({ ...silence, store: await c.get(store) }),
  });
  const abandonment = defineService("abandonment", {
    start: async (c) => {
      const watches = await c.get(cartWatches);
      if (watches === undefined) return undefined;
      return startAbandonment({
        ...silence,
        watches,
        bus: await c.get(bus),
        store: await c.get(store),
        log: await c.get(log),
        access: await c.get(access),
        metrics: await c.get(metrics),
      });
    },
    stop: async (value) => value?.[Symbol.asyncDispose](),
  });
  const eventIntake = defineService("event intake", {
    start: async (c) =>
      startEventIntake({
        erased: await c.get(erased),
        bus: await c.get(bus),
        store: await c.get(store),
        log: await c.get(log),
        access: await c.get(access),
        campaigns: await c.get(campaigns),
        triggers: await c.get(triggers),
        watches: await c.get(cartWatches),
        conversions: await c.get(events),
        segments: await c.get(segments),
        triggerAgeMsMax: config.EVENT_TRIGGER_AGE_MS,
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const intake = defineService("intake", {
    start: async (c) => [await c.get(predictionIntake), await c.get(eventIntake), await c.get(abandonment)],
  });
  return { facts, triggers, predictions, predictionIntake, cartWatches, abandonment, eventIntake, intake };
}

/** See `defineIntake`. */
export type IntakeServices = ReturnType<typeof defineIntake>;
