import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import { PresenceMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { Bus } from "./connect-bus.ts";

/** A gateway speaks at least this often. */
const BEAT_MS = 1_000;
/** One not heard for this long is gone, and its users with it. */
const GATEWAY_LOST_MS = 3_500;
/** Changes of this long share a message. */
const COALESCE_MS = 10;
const SNAPSHOT_USERS_PER_MESSAGE = 5_000;

const keyOf = (workspace: string, userToken: string) => `${workspace}/${userToken}`;

/** Tells everybody who decides which users have a live socket at this gateway. */
export class PresenceAnnouncer {
  readonly #bus: Bus;
  readonly #gatewayId: string;
  readonly #sockets = new Map<string, number>();
  readonly #online = new Set<string>();
  readonly #offline = new Set<string>();
  readonly #beat: NodeJS.Timeout;
  readonly #wanted: { unsubscribe: () => void };
  #timer: NodeJS.Timeout | undefined;
  #sequence = 0n;

  constructor(bus: Bus, gatewayId: string) {
    this.#bus = bus;
    this.#gatewayId = gatewayId;
    this.#beat = setInterval(() => this.#flush(), BEAT_MS);
    this.#wanted = bus.nc.subscribe(bus.subjects.presenceWanted, { callback: () => this.#announceAll() });
    this.#announceAll();
  }

  /** A socket of this user is being served. */
  add(workspace: string, userToken: string): void {
    const key = keyOf(workspace, userToken);
    const count = this.#sockets.get(key) ?? 0;
    this.#sockets.set(key, count + 1);
    if (count === 0) this.#change(key, this.#online, this.#offline);
  }

  /** A socket of this user is gone. */
  remove(workspace: string, userToken: string): void {
    const key = keyOf(workspace, userToken);
    const count = (this.#sockets.get(key) ?? 0) - 1;
    if (count > 0) this.#sockets.set(key, count);
    else if (this.#sockets.delete(key)) this.#change(key, this.#offline, this.#online);
  }

  /** Says goodbye. */
  stop(): void {
    clearInterval(this.#beat);
    clearTimeout(this.#timer);
    this.#wanted.unsubscribe();
    this.#send({ isLast: true });
  }

  #change(key: string, into: Set<string>, outOf: Set<string>): void {
    if (!outOf.delete(key)) into.add(key);
    this.#timer ??= setTimeout(() => this.#flush(), COALESCE_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const online = [...this.#online];
    const offline = [...this.#offline];
    this.#online.clear();
    this.#offline.clear();
    this.#send({ online, offline });
  }

  #announceAll(): void {
    this.#flush();
    const everybody = [...this.#sockets.keys()];
    this.#send({ isSnapshot: true, online: everybody.slice(0, SNAPSHOT_USERS_PER_MESSAGE) });
    for (let i = SNAPSHOT_USERS_PER_MESSAGE; i < everybody.length; i += SNAPSHOT_USERS_PER_MESSAGE)
      this.#send({ online: everybody.slice(i, i + SNAPSHOT_USERS_PER_MESSAGE) });
  }

  #send(message: { online?: string[]; offline?: string[]; isSnapshot?: boolean; isLast?: boolean }): void {
    if (this.#bus.nc.isClosed()) return;
    this.#sequence += 1n;
    this.#bus.nc.publish(
      this.#bus.subjects.presence(this.#gatewayId),
      toBinary(PresenceMessageSchema, create(PresenceMessageSchema, { ...message, sequence: this.#sequence })),
    );
  }
}

type GatewayPresence = { users: Set<string>; sequence: bigint; heardAt: number };

/** What a decider knows of who has a live socket. It may be behind by some milliseconds, and for seconds after a gateway was
 *  killed: what was sent to a user who was gone reaches the inbox when nobody acknowledges it. */
export class PresenceView {
  readonly #bus: Bus;
  readonly #log: Logger;
  readonly #gateways = new Map<string, GatewayPresence>();
  readonly #subscription: { unsubscribe: () => void };
  readonly #sweep: NodeJS.Timeout;

  private constructor(bus: Bus, log: Logger) {
    this.#bus = bus;
    this.#log = log;
    this.#subscription = bus.nc.subscribe(bus.subjects.all.presence, {
      callback: (_, message) => this.#hear(message.subject, message.data),
    });
    this.#sweep = setInterval(() => this.#forgetSilent(), BEAT_MS);
  }

  /** Returns when the gateways have had a moment to say who is there. */
  static async start(bus: Bus, log: Logger): Promise<PresenceView> {
    const view = new PresenceView(bus, log);
    bus.nc.publish(bus.subjects.presenceWanted);
    await bus.nc.flush();
    // Answers come within a round trip of the gateways; one that is slower is heard with its next beat.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return view;
  }

  isOnline(workspace: string, userToken: string): boolean {
    const key = keyOf(workspace, userToken);
    for (const { users } of this.#gateways.values()) if (users.has(key)) return true;
    return false;
  }

  stop(): void {
    this.#subscription.unsubscribe();
    clearInterval(this.#sweep);
  }

  #hear(subject: string, data: Uint8Array): void {
    const gatewayId = subject.split(".").at(-1) ?? "";
    const message = fromBinary(PresenceMessageSchema, data);
    const known = this.#gateways.get(gatewayId);
    if (message.isLast) {
      this.#gateways.delete(gatewayId);
      return;
    }
    if (!message.isSnapshot && (known === undefined || message.sequence !== known.sequence + 1n)) {
      // Something was missed: ask for all of it, and meanwhile go by what is known.
      this.#log.debug({ event: "presence_gap", gatewayId }, "messages of a gateway were missed");
      this.#bus.nc.publish(this.#bus.subjects.presenceWanted);
    }
    const users = message.isSnapshot || known === undefined ? new Set<string>() : known.users;
    for (const key of message.online) users.add(key);
    for (const key of message.offline) users.delete(key);
    this.#gateways.set(gatewayId, { users, sequence: message.sequence, heardAt: performance.now() });
  }

  #forgetSilent(): void {
    const silentSince = performance.now() - GATEWAY_LOST_MS;
    for (const [id, { heardAt }] of this.#gateways) if (heardAt < silentSince) this.#gateways.delete(id);
  }
}
