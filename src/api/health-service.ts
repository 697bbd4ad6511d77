import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.js";
import { NotFound } from "../domain/errors.ts";

/** Whether the engine can do its work now, and what is in its way. */
export type Readiness = () => { readonly ok: boolean; readonly reasons: readonly string[] };

export type HealthParts = {
  readonly readiness: Readiness;
  readonly drain: AbortSignal;
  /** Full names of what is served; they share one fate. */
  readonly serviceNames: readonly string[];
};

/** How late a watcher may hear of a change. */
const WATCH_MS = 500;

/** grpc.health.v1, for balancers and orchestrators: serving means that accepting works, not that the process is up. */
export function healthService({ readiness, drain, serviceNames }: HealthParts): ServiceImpl<typeof Health> {
  const known = new Set(["", ...serviceNames]);
  const now = () => (readiness().ok && !drain.aborted ? Serving.SERVING : Serving.NOT_SERVING);
  return {
    check({ service }) {
      if (!known.has(service)) throw new NotFound("service", service);
      return { status: now() };
    },
    async *watch({ service }, { signal }) {
      let told: Serving | undefined;
      while (!signal.aborted) {
        const status = known.has(service) ? now() : Serving.SERVICE_UNKNOWN;
        if (status !== told) yield create(HealthCheckResponseSchema, { status });
        told = status;
        if (drain.aborted) return;
        await untilNextLook(AbortSignal.any([signal, drain]));
      }
    },
    list() {
      const status = now();
      return {
        statuses: Object.fromEntries(
          [...known].map((service) => [service, create(HealthCheckResponseSchema, { status })]),
        ),
      };
    },
  };
}

async function untilNextLook(signal: AbortSignal): Promise<void> {
  try {
    await delay(WATCH_MS, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
