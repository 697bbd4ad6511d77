import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { type Logger, pino } from "pino";
import { RealtimeMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { InterventionFrameSchema } from "../../../gen/intervention/v1/realtime_pb.js";
import { type Bus, connectBus, EventPublisher, PresenceAnnouncer, toSubjectToken } from "../../bus/index.ts";
import { type Config, loadConfig } from "../../config.ts";
import { AccessDirectory, createWorkspace } from "../../integrations/access-directory.ts";
import { type EmbeddedServers, startEmbeddedServers } from "../../start/embedded-servers.ts";
import { connectStore, insertInboxItems, type Store } from "../../store/index.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../index.ts";

export const WORKSPACE = "shop";

/** Real servers for a file of tests; each test takes an engine of its own on them. */
export class GatewayFixture implements AsyncDisposable {
  readonly #dir: string;
  readonly servers: EmbeddedServers;
  #engines = 0;

  private constructor(dir: string, servers: EmbeddedServers) {
    this.#dir = dir;
    this.servers = servers;
  }

  static async start(): Promise<GatewayFixture> {
    const dir = await mkdtemp(join(tmpdir(), "gateway-test-"));
    return new GatewayFixture(dir, await startEmbeddedServers({ dataDir: dir }));
  }

  /** Bus, store and gateway in a namespace and database of their own. */
  async engine(settings: Readonly<Record<string, string>> = {}, options: Partial<GatewayOptions> = {}): Promise<TestEngine> {
    this.#engines += 1;
    const name = `t${this.#engines}`;
    const config = loadConfig({ EDGE_PORT: "0", GRPC_PORT: "0", DRAIN_MS: "0", LOG_LEVEL: "silent", NAMESPACE: name, MONGODB_DATABASE: name, ...settings });
    const log = pino({ level: "silent" });
    const bus = await connectBus({
      servers: this.servers.natsUrl,
      name,
      namespace: name,
      streams: { replicas: 1, historyMax: config.HISTORY_MAX, historyAgeMs: config.HISTORY_AGE_MS },
      syncCheck: { monitorUrl: this.servers.natsMonitorUrl, allowUnsynced: false },
    });
    const store = await connectStore({ url: this.servers.mongodbUrl, database: name, name });
    await createWorkspace(store, WORKSPACE);
    const access = await AccessDirectory.start(store, log);
    const presence = new PresenceAnnouncer(bus, name);
    const events = new EventPublisher(bus);
    const gateway = await startGateway({ config, bus, store, access, presence, events, log, ...options });
    return new TestEngine({ log, config, bus, store, access, presence, gateway });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.servers.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

type Parts = { readonly log: Logger; readonly config: Config; readonly bus: Bus; readonly store: Store; readonly access: AccessDirectory; readonly presence: PresenceAnnouncer; readonly gateway: Gateway };

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
    const data = toBinary(RealtimeMessageSchema, create(RealtimeMessageSchema, message === undefined ? {} : { message }));
    return (await bus.js.publish(bus.subjects.realtime(WORKSPACE, toSubjectToken(userId)), data)).seq;
  }

  sendIntervention(userId: string, interventionId: string, more: { readonly title?: string; readonly expireTime?: { seconds: bigint } } = {}): Promise<number> {
    const { title = "Still there?", expireTime } = more;
    return this.send(userId, { case: "intervention", value: { interventionId, content: { title }, ...(expireTime === undefined ? {} : { expireTime }) } });
  }

  async addInboxItem(userId: string, interventionId: string): Promise<void> {
    const frame = new Binary(toBinary(InterventionFrameSchema, create(InterventionFrameSchema, { interventionId })));
    await insertInboxItems(this.parts.store, [{ _id: interventionId, workspaceId: WORKSPACE, userId, createdAt: new Date(), frame }]);
  }

  /** Without it the stream keeps messages that no gateway hears of. */
  async setRepublish(isOn: boolean): Promise<void> {
    const { bus } = this.parts;
    const name = bus.subjects.stream("REALTIME");
    const { config } = await bus.jsm.streams.info(name);
    const { republish: _, ...without } = config;
    await bus.jsm.streams.update(name, isOn ? { ...without, republish: { src: bus.subjects.all.realtime, dest: bus.subjects.all.live } } : without);
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
    await bus.close();
    await store.close();
  }
}
