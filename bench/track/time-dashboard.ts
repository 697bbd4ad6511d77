import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { AnalyticsService, Dimension, Step } from "../../gen/intervention/v1/analytics_service_pb.js";
import type { Cell } from "../../src/domain/analytics/cell.ts";
import { SPAN_MS } from "../../src/domain/analytics/span.ts";
import type { Engine } from "../../src/start/index.ts";
import { toTransport } from "../call-engine.ts";
import type { TrackStore } from "./open-track-store.ts";

const days = 30;
const eventsInAll = 10_000_000;
const campaigns = 20;
const channels = ["realtime", "inbox", "email", "sms", "push"];
const kinds = ["accepted", "decided_send", "sent", "delivered", "displayed", "clicked"];
const looks = 9;

/** Puts the figures of ten million events of 30 days in place, as they would have been reckoned (what reckoning costs is in the other
 *  figures), and asks for what a dashboard shows: funnel, days and campaigns, together. */
export async function timeDashboard(engine: Engine, store: TrackStore) {
  const untilMs = Math.floor(Date.now() / SPAN_MS.day) * SPAN_MS.day - SPAN_MS.day;
  const fromMs = untilMs - days * SPAN_MS.day;
  const hours = (untilMs - fromMs) / SPAN_MS.hour;
  const perCounter = Math.ceil(eventsInAll / (hours * campaigns * channels.length * kinds.length));
  const cellsOf = (count: number): Cell[] =>
    Array.from({ length: campaigns * channels.length }, (_, i) => ({
      key: {
        ...{ campaign: `c${i % campaigns}`, channel: channels[Math.floor(i / campaigns)] ?? "" },
        ...{ variant: "", template: "", locale: "en" },
      },
      counts: Object.fromEntries(kinds.map((kind) => [kind, count])),
      amounts: { EUR: { valueMinor: count, refundedMinor: 0, costMicros: 0 } },
      stages: { delivered: [[200, count]] as const },
    }));
  const put = async (kind: "hour" | "day") => {
    const spanMs = SPAN_MS[kind];
    const documents = Array.from({ length: (untilMs - fromMs) / spanMs }, (_, i) => ({
      _id: `${store.workspaceId}/${kind}/${fromMs / spanMs + i}`,
      workspaceId: store.workspaceId,
      cells: cellsOf((perCounter * spanMs) / SPAN_MS.hour),
    }));
    for (let first = 0; first < documents.length; first += 100)
      await store.rollups.insertMany(documents.slice(first, first + 100), { ordered: false });
  };
  await put("hour");
  await put("day");
  const client = createClient(AnalyticsService, toTransport(engine));
  const interval = { startTime: timestampFromMs(fromMs), endTime: timestampFromMs(untilMs) };
  const timesMs: number[] = [];
  let events = 0;
  for (let look = 0; look < looks; look += 1) {
    const startMs = performance.now();
    const [funnel] = await Promise.all([
      client.getFunnel({ interval }),
      client.getTimeSeries({ interval, step: Step.DAY }),
      client.getBreakdown({ interval, by: [Dimension.CAMPAIGN] }),
    ]);
    timesMs.push(performance.now() - startMs);
    events = funnel.steps.reduce((total, { count, name }) => (name === "converted" ? total : total + Number(count)), 0);
  }
  timesMs.sort((a, b) => a - b);
  return { ms: Math.round((timesMs[Math.floor(looks / 2)] ?? 0) * 10) / 10, events: Math.round(events) };
}
