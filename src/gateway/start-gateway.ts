import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Bus, EventPublisher, PresenceAnnouncer } from "../bus/index.ts";
import type { Config } from "../config.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Traces } from "../observe/index.ts";
import { countUnread, type Store } from "../store/index.ts";
import { Admission, type Admitted } from "./admission.ts";
import { drainSessions } from "./drain-sessions.ts";
import { EdgeServer } from "./edge-server.ts";
import { serveEventStreams } from "./event-stream.ts";
import { type GatewayMetrics, NO_METRICS } from "./gateway-metrics.ts";
import { History } from "./history.ts";
import { identifyUserBy } from "./identify-user.ts";
import { serveLiveSockets } from "./live-socket.ts";
import { type Connection, Session, type SessionShared } from "./session.ts";
import { TrackIntake } from "./track-intake.ts";
import { serveTrack } from "./track-route.ts";
import { UserChannels } from "./user-channel.ts";

/** What a gateway stands on. Who gives it stops it, after the gateway. */
export type GatewayOptions = {
  readonly config: Config;
  readonly bus: Bus;
  readonly store: Store;
  readonly access: AccessDirectory;
  readonly presence: PresenceAnnouncer;
  readonly events: EventPublisher;
  readonly log: Logger;
  readonly metrics?: GatewayMetrics;
  /** Default: none are made. */
  readonly traces?: Traces;
  /** Adds what others serve on this port: RPC, health, metrics, pages. */
  readonly routes?: (edge: EdgeServer) => void;
};

/** A gateway that serves. */
export type Gateway = AsyncDisposable & {
  readonly port: number;
  /** Live connections, of both kinds. */
  readonly sockets: () => number;
  /** Sends every live connection elsewhere, spread over DRAIN_MS, and puts what clients have reported on disk. New ones
   *  are refused from the first moment; HTTP goes on until `stop`. */
  readonly drain: () => Promise<void>;
  /** Drains if that was not done, then closes the port. */
  readonly stop: () => Promise<void>;
};

/** One timer looks after all sessions: ten thousand timers would cost more than they find. */
const TICK_MS_MAX = 1_000;
const TICKS_PER_HEARTBEAT = 5;

/** Serves live connections and HTTP. Returns when the port is open.
 *  @throws EdgePortUnavailable */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, bus, access, events, log, metrics = NO_METRICS } = options;
  const findUser = (token: string) => access.findUser(token);
  const identify = identifyUserBy(access);
  const history = new History({
    bus,
    onBadMessage: (sequence, error) =>
      log.error(
        { event: "realtime_message_unknown", sequence, err: error },
        "a message of a user's history can't be read and is left out",
      ),
  });
  const channels = new UserChannels({ bus, history, log, metrics, traces: options.traces });
  const tracks = new TrackIntake({ events, log, now: () => new Date() });
  const shared: SessionShared = {
    history,
    channels,
    countUnread: (user) =>
      countUnread(options.store, { workspaceId: user.workspace.id, userId: user.userId, now: new Date() }),
    newSessionId: randomUUID,
    presence: options.presence,
    tracks,
    findUser,
    metrics,
    log,
    heartbeatMs: config.HEARTBEAT_MS,
    bufferedBytesMax: config.BACKPRESSURE_BYTES_MAX,
  };

  const sessions = new Set<Session>();
  const openSession = (connection: Connection, { user }: Admitted): Session => {
    const session = new Session(shared, connection, user, performance.now());
    sessions.add(session);
    return session;
  };
  const sessionEnded = (session: Session) => void sessions.delete(session);
  history.onEpochChange = () => {
    log.warn(
      { event: "history_made_anew", sockets: sessions.size },
      "the history was made anew: every client comes again",
    );
    for (const session of sessions) session.close("history_changed");
  };

  const edge = new EdgeServer({
    host: config.HOST,
    port: config.EDGE_PORT,
    allowedOrigins: config.ALLOWED_ORIGINS,
    log,
  });
  const admission = new Admission({
    identify,
    limits: { perUserMax: config.SOCKETS_PER_USER_MAX, perAddressMax: config.SOCKETS_PER_ADDRESS_MAX },
    metrics,
  });
  serveLiveSockets({
    edge,
    admission,
    openSession,
    sessionEnded,
    metrics,
    bufferedBytesMax: config.BACKPRESSURE_BYTES_MAX,
    heartbeatMs: config.HEARTBEAT_MS,
  });
  serveEventStreams({ edge, admission, openSession, sessionEnded, metrics });
  serveTrack({ edge, tracks, identify });
  options.routes?.(edge);
  const port = await edge.listen();

  const timer = setInterval(
    () => {
      const nowMs = performance.now();
      const now = new Date();
      for (const session of sessions) session.tick(nowMs, now);
    },
    Math.min(TICK_MS_MAX, config.HEARTBEAT_MS / TICKS_PER_HEARTBEAT),
  );
  const watch = watchReconnects(bus, async () => {
    // Looks whether the history is still the same before anything is read from it by sequence.
    await history
      .freshHead()
      .catch((error: unknown) =>
        log.warn({ event: "history_unavailable", err: error }, "the history can't be looked at at the moment"),
      );
    channels.catchUpAll();
  });

  let draining: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    draining ??= (async () => {
      admission.drain();
      log.info({ event: "gateway_drains", sockets: sessions.size }, "live connections are sent elsewhere");
      await drainSessions(sessions, config.DRAIN_MS);
      await events.drained();
    })();
    return draining;
  };
  const stop = async (): Promise<void> => {
    await drain();
    clearInterval(timer);
    watch.stop();
    await edge.close();
  };
  return { port, sockets: () => sessions.size, drain, stop, [Symbol.asyncDispose]: stop };
}

/** Calls back after each time the connection to the bus was broken and has come back. */
function watchReconnects(bus: Bus, onReconnect: () => Promise<void>): { stop: () => void } {
  const statuses = bus.nc.status()[Symbol.asyncIterator]();
  void (async () => {
    for (let next = await statuses.next(); next.done !== true; next = await statuses.next()) {
      if (next.value.type === "reconnect") await onReconnect();
    }
  })();
  return { stop: () => void statuses.return?.() };
}
