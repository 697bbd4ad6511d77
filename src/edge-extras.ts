import type { EdgeServer, GatewayMetrics } from "./gateway/index.ts";
import type { Metrics, PlainAnswer } from "./observe/index.ts";

/** Health and metrics on the edge. */
export function serveHealth(edge: EdgeServer, answer: (path: string) => Promise<PlainAnswer | undefined>): void {
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    edge.route("get", path, async () => {
      const found = await answer(path);
      return {
        status: found?.status ?? 404,
        headers: { "content-type": found?.contentType ?? "text/plain" },
        body: found?.body ?? "",
      };
    });
  }
}

/** What the gateway counts, as metrics. */
export function toGatewayMetrics(metrics: Metrics): GatewayMetrics {
  return {
    opened: () => metrics.sockets.inc(),
    closed: (_, reason) => {
      metrics.sockets.dec();
      metrics.socketsClosed.inc({ reason });
    },
    refused: (reason) => metrics.socketsRefused.inc({ reason }),
    frameIn: () => metrics.frames.inc({ direction: "in" }),
    frameOut: () => metrics.frames.inc({ direction: "out" }),
    resumed: (recovered) => metrics.resumes.inc({ recovered: String(recovered) }),
    caughtUp: () => metrics.catchUps.inc(),
  };
}
