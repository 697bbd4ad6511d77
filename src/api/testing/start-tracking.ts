import { createMetrics, startTraces } from "../../observe/index.ts";
import { startTrack } from "../../roles/track.ts";
import { decideByHand } from "./decide-by-hand.ts";
import { startCallers } from "./start-callers.ts";

/** The API and a recorder beside it, as a process of its own would be. */
export async function startTracking() {
  const api = await startCallers("intervention.v1.TrackingService");
  const { bus, store, log } = api;
  const erased = { keepKnown: async <T>(items: readonly T[]) => items };
  const traces = startTraces({ sampleRatio: 0, service: "test" });
  const recorder = await startTrack({ bus, store, metrics: createMetrics(), traces, log, erased });
  return {
    ...api,
    /** An intervention that was decided and shown. @returns its id. */
    async decided(userId: string, campaign = "spring"): Promise<string> {
      const { body } = await api.client.call("intervention.v1.InterventionService/Trigger", {
        ...{ recipient: { userId }, content: { title: "Hello" }, campaign },
      });
      const id = String(body.interventionId);
      await decideByHand(store, id, { hasLiveSocket: true });
      return id;
    },
    /** Reports one. */
    track: (touchpoint: object) => api.call("Track", { touchpoint }),
    attribution: (method: string, request: object) =>
      api.client.call(`intervention.v1.AttributionService/${method}`, request),
    async [Symbol.asyncDispose]() {
      await recorder[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

/** As protos have it. */
export const toSeconds = (ms: number) => ({ seconds: Math.floor(ms / 1_000) });
