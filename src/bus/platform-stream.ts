import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { Unavailable } from "../domain/errors.ts";
import type { Bus } from "./connect-bus.ts";

const DAY_MS = 86_400_000;
/** What comes in is kept by the store; a week is for looking at what went wrong, and for a store that was restored. */
const AGE_MS = 7 * DAY_MS;
const DUPLICATE_WINDOW_MS = 120_000;
const STREAM_NOT_FOUND = 10059;

/** Streams that the platform puts things on, and their subjects. */
export type PlatformStreamName = "PREDICTIONS" | "EVENTS";

/** Makes a stream that the platform writes to, unless there is one: it is the platform's, which may have its own settings for it. */
export async function ensurePlatformStream(
  bus: Pick<Bus, "jsm" | "subjects">,
  stream: PlatformStreamName,
  options: { readonly replicas: number },
): Promise<void> {
  const name = bus.subjects.stream(stream);
  try {
    await bus.jsm.streams.info(name);
    return;
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND))
      throw new Unavailable("bus", { cause: error });
  }
  try {
    await bus.jsm.streams.add({
      name,
      subjects: [stream === "EVENTS" ? bus.subjects.all.shopEvents : bus.subjects.all.predictions],
      storage: StorageType.File,
      num_replicas: options.replicas,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_age: nanos(AGE_MS),
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      allow_direct: true,
      allow_atomic: true,
    });
  } catch (error) {
    // Another process was first.
    if (error instanceof Error && error.message.includes("already in use")) return;
    throw new Unavailable("bus", { cause: error });
  }
}
