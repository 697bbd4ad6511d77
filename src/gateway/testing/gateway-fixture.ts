import { randomBytes } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type Logger, pino } from "pino";
import { inject } from "vitest";
import { RealtimeMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { InterventionFrameSchema } from "../../../gen/intervention/v1/realtime_pb.js";
import { type Bus, connectBus, EventPublisher, PresenceAnnouncer, toSubjectToken } from "../../bus/index.ts";
import type { Config } from "../../config.ts";
import { toIdentitySettings } from "../../identity-settings.ts";
import { AccessDirectory, createWorkspace } from "../../integrations/access-directory.ts";
import { connectStore, insertInboxItems, type Store, toPosition } from "../../store/index.ts";
import { deleteStreams } from "../../testing/delete-streams.ts";
import { testConfig } from "../../testing/parts.ts";
import { type Gateway, startGateway } from "../index.ts";

export const WORKSPACE = "shop";

/** Bus, store and gateway on the shared servers, with streams and a database of their own. */
export async function startEngine(settings: Readonly<Record<string, string>> = {}): Promise<TestEngine> {
  const config = testConfig({ DRAIN_MS: "0", ...settings });
  const log = pino({ level: "silent" });
  const name = `gateway-${randomBytes(4).toString("hex")}`;
  const bus = await connectBus({
    servers: inject("natsUrl"),
    name,
    namespace: config.NAMESPACE,
    streams: { replicas: 1, historyMax: config.HISTORY_MAX, historyAgeMs: config.HISTORY_AGE_MS },
    syncCheck: { monitorUrl: inject("natsMonitorUrl"), allowUnsynced: false },
  });
  const store = await connectStore({ url: inject("mongodbUrl"), database: config.MONGODB_DATABASE, name });
  await createWorkspace(store, WORKSPACE);
  const access = await AccessDirectory.start(store, log, toIdentitySettings(config));
  const presence = new PresenceAnnouncer(bus, name);
  const events = new EventPublisher(bus);
  const gateway = await startGateway({ config, bus, store, access, presence, events, log });
  return new TestEngine({ log, config, bus, store, access, presence, gateway });
}

type Parts = {
  readonly log: Logger;
  readonly config: Config;
  readonly bus: Bus;
  readonly store: Store;
  readonly access: AccessDirectory;
  readonly presence: PresenceAnnouncer;
  readonly gateway: Gateway;
};

export class TestEngine implements AsyncDisposable {
  readonly parts: Parts;
  readonly url: string;
  readonly log: Logger;

  constructor(parts: Parts) {
    this.parts = parts;
    this.log = parts.log;
    this.url = `http://127.0.0.1:${parts.gateway.port}`;
  }

  token(userId: string, ttlMs = 60_000): string {
    const minted = this.parts.access.mintUserToken({ workspaceId: WORKSPACE, userId, ttlMs });
    if (minted === undefined) throw new Error("the test workspace is there");
    return minted.token;
  }

  /** Puts a message where the decide role would.
   *  @returns its sequence, which is its offset. */
  async send(userId: string, message: MessageInitShape<typeof RealtimeMessageSchema>["message"]): Promise<number> {
    const { bus } = this.parts;
    const data = toBinary(
      RealtimeMessageSchema,
      create(RealtimeMessageSchema, message === undefined ? {} : { message }),
    );
    return (await bus.js.publish(bus.subjects.realtime(WORKSPACE, toSubjectToken(userId)), data)).seq;
  }

  sendIntervention(
    userId: string,
    interventionId: string,
    more: { readonly title?: string; readonly expireTime?: { seconds: bigint } } = {},
  ): Promise<number> {
    const { title = "Still there?", expireTime } = more;
    return this.send(userId, {
      case: "intervention",
      value: { interventionId, content: { title }, ...(expireTime === undefined ? {} : { expireTime }) },
    });
  }

  async addInboxItem(userId: string, interventionId: string): Promise<void> {
    const frame = new Binary(toBinary(InterventionFrameSchema, create(InterventionFrameSchema, { interventionId })));
    await insertInboxItems(this.parts.store, [
      {
        _id: interventionId,
        workspaceId: WORKSPACE,
        userId,
        position: toPosition(new Date(), interventionId),
        state: "unread",
        createdAt: new Date(),
        frame,
      },
    ]);
  }

  /** Has the stream republish to where no gateway listens, or back to where they do. An update that leaves republishing out
   *  does not end it. */
  async setRepublish(isHeard: boolean): Promise<void> {
    const { bus } = this.parts;
    const name = bus.subjects.stream("REALTIME");
    const { config } = await bus.jsm.streams.info(name);
    const { live, realtime } = bus.subjects.all;
    await bus.jsm.streams.update(name, { ...config, republish: { src: realtime, dest: isHeard ? live : `un${live}` } });
  }

  /** Breaks the connection to NATS off; returns when it is back. */
  async reconnectBus(): Promise<void> {
    const { nc } = this.parts.bus;
    const statuses = nc.status();
    await nc.reconnect();
    for await (const { type } of statuses) if (type === "reconnect") return;
  }

  /** Deletes the stream and makes it again, as an operator might after a disaster. */
  async recreateRealtime(): Promise<void> {
    const { bus } = this.parts;
    const name = bus.subjects.stream("REALTIME");
    const { config } = await bus.jsm.streams.info(name);
    await bus.jsm.streams.delete(name);
    await bus.jsm.streams.add(config);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { access, presence, gateway, bus, store } = this.parts;
    await gateway.stop();
    access.stop();
    presence.stop();
    await deleteStreams(bus);
    await store.db.dropDatabase();
    await bus.close();
    await store.close();
  }
}
