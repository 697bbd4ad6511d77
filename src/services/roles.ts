import type { Config } from "../config.ts";
import { defineService } from "../container.ts";
import { toFindCarriage } from "../integrations/find-carriage.ts";
import { toFindQuota } from "../integrations/find-quota.ts";
import { toPreferenceUrls } from "../integrations/preference-links.ts";
import { toTrackedUrls } from "../integrations/tracked-links.ts";
import { toUnsubscribeUrls } from "../integrations/unsubscribe-links.ts";
import { UsualHours } from "../integrations/usual-hours.ts";
import { startOutward } from "../outward/start-outward.ts";
import { startDecide } from "../roles/decide.ts";
import { startDeliver } from "../roles/deliver.ts";
import { startRollup } from "../roles/rollup.ts";
import { startSchedule } from "../roles/schedule.ts";
import { findOrdersIn } from "../roles/shopper-contexts.ts";
import { startTrack } from "../roles/track.ts";
import type { IntakeServices } from "./intake.ts";
import type { SharedServices } from "./shared.ts";

/** The loops that decide, deliver, record and repair. */
export function defineRoles(config: Config, shared: SharedServices, { facts }: IntakeServices) {
  const {
    log,
    metrics,
    traces,
    bus,
    store,
    access,
    events,
    presence,
    erased,
    campaigns,
    experiments,
    catalog,
    dataIntelligence,
    providers,
    providerDirectory,
    choices,
    segments,
    credentialBox,
    acceptor,
    trackedLinks,
  } = shared;
  const deliver = defineService("deliver", {
    start: async (c) =>
      startDeliver({
        bus: await c.get(bus),
        store: await c.get(store),
        access: await c.get(access),
        events: await c.get(events),
        metrics: await c.get(metrics),
        log: await c.get(log),
        erased: await c.get(erased),
        directory: await c.get(providerDirectory),
        providers: await c.get(providers),
        box: await c.get(credentialBox),
        leaseMs: config.SEND_LEASE_MS,
        toTrackedUrls: toTrackedUrls(await c.get(trackedLinks), await c.get(access), config),
        toUnsubscribeUrl: toUnsubscribeUrls(await c.get(access), config.PUBLIC_URL),
        findQuota: toFindQuota(await c.get(access), config.DEFAULT_TIME_ZONE),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const decide = defineService("decide", {
    start: async (c) => {
      const directory = await c.get(access);
      const accounts = await c.get(providerDirectory);
      return startDecide({
        bus: await c.get(bus),
        store: await c.get(store),
        access: directory,
        presence: await c.get(presence),
        metrics: await c.get(metrics),
        traces: await c.get(traces),
        log: await c.get(log),
        erased: await c.get(erased),
        campaigns: await c.get(campaigns),
        catalog: await c.get(catalog),
        catalogAgeMs: config.CATALOG_AGE_MS,
        dataIntelligence: await c.get(dataIntelligence),
        findOrders: findOrdersIn(await c.get(store)),
        choices: await c.get(choices),
        experiments: await c.get(experiments),
        usualHours: new UsualHours({ store: await c.get(store), now: () => new Date() }),
        ...toFindCarriage(accounts),
        toPreferenceUrl: toPreferenceUrls(directory, config.PUBLIC_URL),
        segments: await c.get(segments),
        defaultTimeZoneOf: (id) => directory.findWorkspace(id)?.defaultTimeZone ?? config.DEFAULT_TIME_ZONE,
      });
    },
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const track = defineService("track", {
    start: async (c) =>
      startTrack({
        bus: await c.get(bus),
        store: await c.get(store),
        metrics: await c.get(metrics),
        traces: await c.get(traces),
        log: await c.get(log),
        erased: await c.get(erased),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const rollup = defineService("rollup", {
    start: async (c) =>
      startRollup({
        store: await c.get(store),
        access: await c.get(access),
        log: await c.get(log),
        metrics: await c.get(metrics),
        now: () => new Date(),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  // What leaves is read from the same stream as what is recorded, and grows with it.
  const outward = defineService("outward", {
    start: async (c) =>
      startOutward({
        bus: await c.get(bus),
        store: await c.get(store),
        access: await c.get(access),
        log: await c.get(log),
        metrics: await c.get(metrics),
        erased: await c.get(erased),
        allowPrivate: config.WEBHOOK_ALLOW_PRIVATE,
        eventsOut: config.EVENTS_OUT,
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  const schedule = defineService("schedule", {
    start: async (c) =>
      startSchedule({
        campaigns: await c.get(campaigns),
        experiments: await c.get(experiments),
        facts: await c.get(facts),
        defaultTimeZone: config.DEFAULT_TIME_ZONE,
        acceptor: await c.get(acceptor),
        bus: await c.get(bus),
        store: await c.get(store),
        events: await c.get(events),
        access: await c.get(access),
        metrics: await c.get(metrics),
        log: await c.get(log),
        undeliveredAfterMs: config.UNDELIVERED_AFTER_MS,
        reconcileAfterMs: config.RECONCILE_AFTER_MS,
        archiveDir: config.ARCHIVE_DIR,
        findOrders: findOrdersIn(await c.get(store)),
      }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  return { deliver, decide, track, rollup, outward, schedule };
}
