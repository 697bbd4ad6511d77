import { once } from "node:events";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { toKindName } from "../bus/index.ts";
import { createMetrics } from "../observe/index.ts";
import { AlarmGauge } from "../roles/alarm-gauge.ts";
import { rollUp } from "../roles/rollup.ts";
import { insertEvents, toEventDocument } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startCallers } from "./testing/start-callers.ts";

const HOUR_MS = 3_600_000;

it("alarms are told once people complain too much, by the workspace's own thresholds, to whoever asks and watches", async () => {
  await using api = await startCallers("intervention.v1.AnalyticsService");
  const { store } = api;
  const now = () => new Date();
  const record = async (kind: EventKind, campaign: string, count: number, atMs = Date.now() - HOUR_MS) => {
    const events = Array.from({ length: count }, (_, i) =>
      create(EventSchema, {
        eventId: `${campaign}${i}:${toKindName(kind)}`,
        ...{ kind, workspace: "main", interventionId: `${campaign}${i}`, userId: "ada", campaign },
        ...{ channel: Channel.EMAIL, occurTime: timestampFromMs(atMs) },
      }),
    );
    await insertEvents(
      store,
      events.map((event) => toEventDocument(event, new Date())),
    );
    while ((await rollUp({ store, now }, "main")) > 0);
  };
  await record(EventKind.SENT, "spring", 1_000);
  await record(EventKind.SENT, "autumn", 1_000);
  await record(EventKind.COMPLAINED, "spring", 1);
  // Older than what is looked at.
  await record(EventKind.COMPLAINED, "autumn", 50, Date.now() - 30 * HOUR_MS);
  expect(await api.call("GetAlarms", {})).toMatchObject({
    code: 0,
    body: { alarms: [], thresholds: { complaintRateMax: 0.001, unsubscribeRateMax: 0.005, sentMin: "1000" } },
  });
  await record(EventKind.COMPLAINED, "spring", 3);
  const alarm = {
    kind: "ALARM_KIND_COMPLAINTS",
    campaign: "spring",
    channel: "email",
    count: "3",
    sent: "1000",
    rate: 0.003,
  };
  const { body } = await api.call("GetAlarms", {});
  expect(body).toMatchObject({ alarms: [{ ...alarm, rateMax: 0.001 }] });
  expect((await api.callAsStranger("GetAlarms", {})).body.alarms).toEqual([]);

  const metrics = createMetrics();
  const gauge = new AlarmGauge({ store, metrics, now });
  await gauge.look({ id: "main" });
  const values = async () => (await metrics.alarms.get()).values.map(({ labels, value }) => [labels.kind, value]);
  expect(await values()).toEqual([
    ["complained", 1],
    ["unsubscribed", 0],
  ]);
  gauge.leave("main");
  expect((await values())[0]).toEqual(["complained", 0]);

  const thresholds = { complaintRateMax: 0.01, unsubscribeRateMax: 0.001, sentMin: "500" };
  const { etag } = body.thresholds as { etag: string };
  expect(await api.call("UpdateAlarmThresholds", { thresholds: { ...thresholds, etag } })).toMatchObject({
    code: 0,
    body: { thresholds },
  });
  expect(await api.call("UpdateAlarmThresholds", { thresholds: { ...thresholds, etag } })).toMatchObject({ code: 10 });
  expect((await api.call("GetAlarms", {})).body).toMatchObject({ alarms: [], thresholds });
  await until(() => api.access.findWorkspace("main")?.alarms?.sentMin === 500, "the thresholds are known");
  await record(EventKind.UNSUBSCRIBED, "spring", 2);
  const interval = {
    startTime: { seconds: Math.floor(Date.now() / 1_000) - 7_200 },
    endTime: { seconds: Math.floor(Date.now() / 1_000) },
  };
  const stream = api.client.serverStream("intervention.v1.AnalyticsService/WatchFigures", { interval });
  // What cancelling looks like to who cancels.
  stream.on("error", () => undefined);
  const [told] = await once(stream, "data");
  stream.cancel();
  expect(told).toMatchObject({
    figures: { counts: { unsubscribed: "2" } },
    alarms: [{ kind: "ALARM_KIND_UNSUBSCRIBES" }],
  });
});
