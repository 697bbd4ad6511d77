import { ReportKeeper } from "../callbacks/keep-reports.ts";
import { sesRoute } from "../callbacks/ses-route.ts";
import { startReports } from "../callbacks/start-reports.ts";
import { vonageRoutes } from "../callbacks/vonage-routes.ts";
import { SnsClient } from "../channels/callback/sns-client.ts";
import { defineService } from "../container.ts";
import type { SharedServices } from "./shared.ts";

/** What takes providers' callbacks, and what looks again at those that came too early. */
export function defineCallbacks({ bus, store, events, metrics, log, credentialBox }: SharedServices) {
  const now = () => new Date();
  const sns = defineService("sns client", { start: () => new SnsClient({ now }) });
  const reportKeeper = defineService("report keeper", {
    start: async (c) =>
      new ReportKeeper({
        bus: await c.get(bus),
        store: await c.get(store),
        events: await c.get(events),
        metrics: await c.get(metrics),
        now,
      }),
  });
  const callbackRoutes = defineService("callback routes", {
    start: async (c) => {
      const keeper = await c.get(reportKeeper);
      const parts = { keeper, metrics: await c.get(metrics), log: await c.get(log), now };
      return [
        sesRoute({ ...parts, sns: await c.get(sns) }),
        ...vonageRoutes({ ...parts, store: await c.get(store), box: await c.get(credentialBox) }),
      ];
    },
  });
  const reports = defineService("reports", {
    start: async (c) =>
      startReports({ keeper: await c.get(reportKeeper), bus: await c.get(bus), log: await c.get(log) }),
    stop: (value) => value[Symbol.asyncDispose](),
  });
  return { sns, reportKeeper, callbackRoutes, reports };
}

/** See `defineCallbacks`. */
export type CallbackServices = ReturnType<typeof defineCallbacks>;
