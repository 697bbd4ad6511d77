import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  PersistMode,
} from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { Unavailable } from "../domain/errors.ts";
import { ensurePlatformStream } from "./platform-stream.ts";
import { defineStreams, ensureStreams, type StreamOptions } from "./streams.ts";
import { createSubjects, type Subjects } from "./subjects.ts";
import { requireSyncedServers, type SyncCheck } from "./sync-check.ts";
import { whenItAnswers } from "./when-it-answers.ts";

/** A connection to NATS, with the streams in place. */
export type Bus = {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly subjects: Subjects;
  /** Whether REALTIME is written without waiting for its sync, and so its sequences hold only until the server's next start. */
  readonly isHistoryAsync: boolean;
  readonly isConnected: () => boolean;
  readonly close: () => Promise<void>;
};

/** Where NATS is and how the engine uses it. */
export type BusOptions = {
  readonly servers: string;
  readonly name: string;
  readonly namespace: string;
  readonly streams: Omit<StreamOptions, "isHistoryAsync">;
  readonly syncCheck: SyncCheck;
};

/** A request that gets no answer by then counts as failed. */
const REQUEST_TIMEOUT_MS = 5_000;
/** The first connection is tried for this long, so that servers and engine can be started together. */
const FIRST_CONNECT_MS = 20_000;

/** Connects, and comes back by itself for ever after a broken connection.
 *  @throws Unavailable when no server answers; UnsyncedServer when writes would not be safe. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const servers = options.servers.split(",").map((server) => server.trim());
  const nc = await connectFirst(servers, options.name);
  try {
    await requireSyncedServers(options.syncCheck);
    const subjects = createSubjects(options.namespace);
    const jsm = await whenItAnswers(() => jetstreamManager(nc, { timeout: REQUEST_TIMEOUT_MS }));
    const isHistoryAsync = options.streams.replicas === 1 && nc.info?.cluster === undefined;
    await whenItAnswers(() => ensureStreams(jsm, defineStreams(subjects, { ...options.streams, isHistoryAsync })));
    const { config } = await whenItAnswers(() => jsm.streams.info(subjects.stream("REALTIME")));
    for (const stream of ["PREDICTIONS", "EVENTS"] as const)
      await whenItAnswers(() => ensurePlatformStream({ jsm, subjects }, stream, options.streams));
    return {
      nc,
      js: jetstream(nc, { timeout: REQUEST_TIMEOUT_MS }),
      jsm,
      subjects,
      isHistoryAsync: config.persist_mode === PersistMode.Async,
      isConnected: () => !nc.isClosed() && isUp.get(nc) !== false,
      close: () => nc.close(),
    };
  } catch (error) {
    await nc.close();
    throw error;
  }
}

const isUp = new WeakMap<NatsConnection, boolean>();

async function connectFirst(servers: string[], name: string): Promise<NatsConnection> {
  const deadline = Date.now() + FIRST_CONNECT_MS;
  for (;;) {
    try {
      const nc = await connect({
        servers,
        name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 200,
        reconnectJitter: 200,
        timeout: REQUEST_TIMEOUT_MS,
        pingInterval: 5_000,
        maxPingOut: 2,
        ignoreAuthErrorAbort: true,
        // A stack for each request in case it fails costs a tenth of a decider's time.
        noAsyncTraces: true,
      });
      void watchStatus(nc);
      return nc;
    } catch (error) {
      if (Date.now() > deadline) throw new Unavailable("bus", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function watchStatus(nc: NatsConnection): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === "disconnect") isUp.set(nc, false);
    if (status.type === "reconnect") isUp.set(nc, true);
  }
}
