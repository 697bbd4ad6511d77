import {
  DiscardPolicy,
  type JetStreamManager,
  PersistMode,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { Subjects } from "./subjects.ts";

/** What an operator can choose about the streams. */
export type StreamOptions = {
  readonly replicas: number;
  /** Newest messages of one user kept for resuming. */
  readonly historyMax: number;
  readonly historyAgeMs: number;
  /** Whether the history is written without waiting for its sync: only with one copy on one server. It is for resuming; what was
   *  promised is in the store, and what a crash takes from the history reaches the inbox. The epoch changes with the server's start. */
  readonly isHistoryAsync: boolean;
};

const DAY_MS = 86_400_000;
/** An hour of events at full speed is worth keeping for a consumer that was down; a week bounds the disk. */
const TRACKING_AGE_MS = 7 * DAY_MS;
/** An operator has a month to look at a dead letter. */
const DEAD_AGE_MS = 30 * DAY_MS;
/** Long enough for a publisher's own retries; what comes later is caught by the store's unique ids. */
const DUPLICATE_WINDOW_MS = 120_000;

/** Who reads what leaves is not known: the oldest goes when there are this many, some 4 GB. In messages, since the server sets bytes
 *  aside as soon as they are allowed. */
const EVENTS_OUT_MESSAGES_MAX = 5_000_000;
/** Nobody stores these by their ids, so that what is published again after a standstill must be known here. */
const EVENTS_OUT_DUPLICATE_WINDOW_MS = 600_000;

type StreamDefinition = Partial<StreamConfig> & { name: string; subjects: string[] };

/** The streams as code. */
export function defineStreams(subjects: Subjects, options: StreamOptions): readonly StreamDefinition[] {
  const common = {
    storage: StorageType.File,
    num_replicas: options.replicas,
    discard: DiscardPolicy.Old,
    allow_direct: true,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  };
  return [
    {
      ...common,
      name: subjects.stream("INTERVENTIONS"),
      subjects: [subjects.all.interventions],
      // Not a work queue: with every write synced, that costs a sync for each message it removes. What is acknowledged is trimmed
      // by `trimAcknowledged` instead, thousands at a time.
      retention: RetentionPolicy.Limits,
      allow_atomic: true,
    },
    {
      ...common,
      name: subjects.stream("DISPATCH"),
      subjects: [subjects.all.dispatch],
      // No work queue, and trimmed, for the same reason.
      retention: RetentionPolicy.Limits,
      allow_atomic: true,
    },
    {
      ...common,
      name: subjects.stream("REALTIME"),
      subjects: [subjects.all.realtime],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: options.historyMax,
      max_age: nanos(options.historyAgeMs),
      duplicate_window: nanos(Math.min(DUPLICATE_WINDOW_MS, options.historyAgeMs)),
      ...(options.isHistoryAsync ? { persist_mode: PersistMode.Async } : { allow_atomic: true }),
      // Gateways hear a message with its stream sequence, which is the offset that clients resume by.
      republish: { src: subjects.all.realtime, dest: subjects.all.live },
    },
    {
      ...common,
      name: subjects.stream("TRACKING"),
      subjects: [subjects.all.track],
      retention: RetentionPolicy.Limits,
      max_age: nanos(TRACKING_AGE_MS),
      allow_atomic: true,
    },
    {
      ...common,
      name: subjects.stream("DELAYED"),
      subjects: [subjects.all.later],
      retention: RetentionPolicy.Limits,
      allow_msg_schedules: true,
      allow_msg_ttl: true,
    },
    {
      ...common,
      name: subjects.stream("DEAD"),
      subjects: [subjects.all.dead],
      retention: RetentionPolicy.Limits,
      max_age: nanos(DEAD_AGE_MS),
    },
    {
      ...common,
      name: subjects.stream("EVENTS_OUT"),
      subjects: [subjects.all.eventsOut],
      retention: RetentionPolicy.Limits,
      max_age: nanos(TRACKING_AGE_MS),
      max_msgs: EVENTS_OUT_MESSAGES_MAX,
      duplicate_window: nanos(EVENTS_OUT_DUPLICATE_WINDOW_MS),
      allow_atomic: true,
    },
  ];
}

/** Makes the streams that are missing and brings the others to what the code says. Safe to run from many processes at once.
 *  @throws the server's error, when a stream of that name can't become what it must be. */
export async function ensureStreams(jsm: JetStreamManager, definitions: readonly StreamDefinition[]): Promise<void> {
  for (const definition of definitions) {
    // Creating is idempotent for an equal configuration; an unequal one is refused and then updated.
    try {
      await jsm.streams.add(definition);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes("already in use")) throw error;
      const { name: _, retention: __, storage: ___, persist_mode: ____, ...changes } = definition;
      await jsm.streams.update(definition.name, changes);
    }
  }
}
