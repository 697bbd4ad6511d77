import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { createInterventionClient } from "../client/index.ts";
import { startTraces } from "../observe/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

describe("a trace", () => {
  it("leads from the call through the decision to the socket and into the store", async () => {
    await using parts = await startParts({ DRAIN_MS: "0" });
    const { container, services } = parts;
    const spans: ReadableSpan[] = [];
    const exporter = new InMemorySpanExporter();
    exporter.export = (batch, done) => {
      spans.push(...batch);
      done({ code: 0 });
    };
    container.replace(services.traces, {
      start: () => startTraces({ sampleRatio: 1, exporter, service: "test" }),
      stop: (traces) => traces.stop(),
    });
    const { started: gateway } = await container.get(services.gateway);
    const { server } = await container.get(services.api);
    await container.get(services.decide);
    await container.get(services.track);
    const access = await container.get(services.access);
    await access.refresh();
    const token = access.mintUserToken({ workspaceId: "main", userId: "ada", ttlMs: 60_000 })?.token ?? "";
    const client = createInterventionClient({
      url: `http://127.0.0.1:${gateway.port}`,
      token: () => token,
      webSocket: WebSocket,
    });
    const shown: string[] = [];
    client.on("intervention", ({ id }) => void shown.push(id));
    client.connect();
    await until(() => client.state === "open", "connected");

    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}` });
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const headers = { authorization: `Bearer ${parts.apiKey}`, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const request = { recipient: { userId: "ada" }, content: { title: "Hi" } };
    await createClient(InterventionService, transport).trigger(request, { headers });
    await until(() => shown.length === 1, "shown");
    const names = () => spans.filter((span) => span.spanContext().traceId === traceId).map(({ name }) => name);
    await until(() => ["process iv", "push rt", "process track"].every((name) => names().includes(name)), "every span");
    expect(new Set(names())).toEqual(
      new Set([expect.stringContaining("Trigger"), "process iv", "push rt", "process track"]),
    );
    client.close();
  });
});
