import { fromBinary } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RealtimeMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { GrpcClient } from "../api/testing/grpc-client.ts";
import { PresenceAnnouncer } from "../bus/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

/** An engine with its shopper "ada" on a live socket, and what is pushed to her. */
async function startEngine() {
  const parts = await startParts();
  const { bus, container, services, apiKey } = parts;
  await container.get(services.decide);
  await container.get(services.track);
  await container.get(services.intake);
  const { server } = await container.get(services.api);
  const client = new GrpcClient(`127.0.0.1:${server.port}`, { authorization: `Bearer ${apiKey}` });
  const presence = new PresenceAnnouncer(bus, "g1");
  presence.add("main", "ada");
  const pushed: string[] = [];
  bus.nc.subscribe(bus.subjects.all.live, {
    callback: (_, { data }) => {
      const { value } = fromBinary(RealtimeMessageSchema, data).message;
      if (value !== undefined) pushed.push(value.interventionId);
    },
  });
  await bus.nc.flush();
  return {
    ...parts,
    pushed,
    call: async (method: string, request: object) => {
      const { body, code, message } = await client.call(`intervention.v1.${method}`, request);
      if (code !== 0) throw new Error(message);
      return body;
    },
    async [Symbol.asyncDispose]() {
      presence.stop();
      client.close();
      await parts[Symbol.asyncDispose]();
    },
  };
}

let made = 0;
function prediction() {
  made += 1;
  const ms = Date.now();
  return {
    ...{ predictionId: `p${made}`, userId: "ada", kind: "PREDICTION_KIND_ABANDONMENT_RISK", score: 0.9 },
    ...{ model: "m", modelVersion: "1" },
    predictTime: { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 },
  };
}

const RISKY = {
  comparison: {
    field: "prediction.score",
    operator: "OPERATOR_GREATER_OR_EQUAL",
    value: { numberValue: 0.7 },
  },
};
const CAMPAIGN = {
  ...{ displayName: "Rescue", content: { title: "Still there?" }, state: "CAMPAIGN_STATE_RUNNING" },
  ...{ trigger: { prediction: "PREDICTION_KIND_ABANDONMENT_RISK" }, condition: RISKY },
};

it("a prediction reaches the shopper's socket, and Explain tells which campaign made of it what, and why", async () => {
  await using engine = await startEngine();
  await engine.call("CampaignService/Create", { campaignId: "rescue", campaign: CAMPAIGN });
  const ids = await until(async () => {
    const { interventionIds } = await engine.call("PredictionService/Ingest", { prediction: prediction() });
    return Array.isArray(interventionIds) && interventionIds.length === 1 && interventionIds;
  }, "campaign known");
  await until(() => engine.pushed.includes(ids[0]), "push");
  const { decisions } = await engine.call("InterventionService/Explain", { name: ids[0] });
  expect(decisions).toMatchObject([
    {
      replayMatches: true,
      decision: { outcome: "OUTCOME_SEND" },
      input: {
        campaignState: "CAMPAIGN_STATE_RUNNING",
        trigger: { campaign: "rescue", prediction: { userId: "ada", score: 0.9, model: "m" } },
      },
    },
  ]);
  expect(JSON.stringify(decisions)).toContain('campaign \\"rescue\\" is running');
});

it("what a campaign asked for before it was paused is not sent after, and Explain says so", async () => {
  await using engine = await startEngine();
  // Decided after the quiet hours that are now.
  const hour = (at: number) => `${String((new Date().getUTCHours() + at + 24) % 24).padStart(2, "0")}:00`;
  const policy = { quietHours: { start: hour(-1), end: hour(2) } };
  await engine.call("CampaignService/Create", { campaignId: "rescue", campaign: { ...CAMPAIGN, policy } });
  const ids = await until(async () => {
    const { interventionIds } = await engine.call("PredictionService/Ingest", { prediction: prediction() });
    return Array.isArray(interventionIds) && interventionIds.length === 1 && interventionIds;
  }, "campaign known");
  await until(async () => {
    const { intervention } = await engine.call("InterventionService/Get", { name: ids[0] });
    return JSON.stringify(intervention).includes("STATE_DELAYED");
  }, "delayed");
  await engine.call("CampaignService/Pause", { name: "rescue" });
  const campaigns = await engine.container.get(engine.services.campaigns);
  await until(() => campaigns.findLive("main", "rescue", new Date()) === undefined, "paused");
  // The delay ends now: its message fires as the broker would fire it in two hours.
  const { bus } = engine;
  const stored = await bus.jsm.streams.getMessage(bus.subjects.stream("DELAYED"), {
    last_by_subj: bus.subjects.later("main", ids[0]),
  });
  await bus.js.publish(bus.subjects.due("main", ids[0]), stored?.data ?? new Uint8Array());
  await until(async () => {
    const { intervention } = await engine.call("InterventionService/Get", { name: ids[0] });
    return JSON.stringify(intervention).includes("STATE_SUPPRESSED");
  }, "suppressed");
  const { decisions } = await engine.call("InterventionService/Explain", { name: ids[0] });
  expect(JSON.stringify(decisions)).toContain('campaign \\"rescue\\" is paused');
  expect(engine.pushed).toEqual([]);
});
