import { create, type JsonObject, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import pino from "pino";
import { type InterventionMessage, InterventionMessageSchema } from "../../../gen/intervention/v1/bus_pb.js";
import { Channel, Priority } from "../../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { EventPublisher, PackedPublisher, toInterventionItem } from "../../bus/index.ts";
import { CredentialBox } from "../../channels/credential-box.ts";
import type { FakeProvider } from "../../channels/testing/fake-provider.ts";
import { toProgress } from "../../domain/delivery/report.ts";
import { toState } from "../../domain/intervention-state.ts";
import { ProviderDirectory } from "../../integrations/provider-directory.ts";
import { createMetrics } from "../../observe/index.ts";
import {
  insertProviderAccount,
  listAttempts,
  listEvents,
  listRounds,
  type ProviderAccountDocument,
  toPosition,
  toStandingRound,
} from "../../store/index.ts";
import { startParts } from "../../testing/parts.ts";
import { until } from "../../testing/until.ts";
import { type DeliverOptions, startDeliver } from "../deliver.ts";

type Init = Extract<MessageInitShape<typeof InterventionMessageSchema>, { $typeName?: never }>;

const log = pino({ level: "silent" });
let made = 0;

/** Deciding and delivering on servers of the test run, with providers that a test controls: each call of `startWorker` is a
 *  process. */
export async function startDelivering(fakes: readonly Pick<FakeProvider, "known">[]) {
  const parts = await startParts();
  const { bus, store, container, services, workspace } = parts;
  const metrics = createMetrics();
  const box = new CredentialBox([{ id: "k1", key: new Uint8Array(32).fill(7) }]);
  const directory = await ProviderDirectory.start({ store, bus, log });
  const events = new EventPublisher(bus);
  const access = await container.get(services.access);
  const common = {
    access,
    bus,
    store,
    events,
    log,
    metrics,
    box,
    directory,
    providers: fakes.map(({ known }) => known),
  };
  const erased = { keepKnown: async <T>(items: readonly T[]) => items };
  await container.get(services.track);
  return {
    ...parts,
    metrics,
    directory,
    box,
    startDecide: () => container.get(services.decide),
    startWorker: (
      options: {
        readonly leaseMs?: number;
        readonly findQuota?: DeliverOptions["findQuota"];
        readonly toUnsubscribeUrl?: DeliverOptions["toUnsubscribeUrl"];
      } = {},
    ) => startDeliver({ ...common, erased, leaseMs: 20_000, findQuota: () => undefined, ...options }),
    /** Gives the workspace an account with a fake, and waits until every process knows it. */
    async addAccount(
      fake: Pick<FakeProvider, "known">,
      changes: Partial<ProviderAccountDocument> = {},
      credential: JsonObject = { secret: "s" },
    ): Promise<string> {
      made += 1;
      const id = changes._id ?? `pa_${made}`;
      const at = new Date();
      const sealed = box.seal(credential, id);
      await insertProviderAccount(store, {
        ...{ _id: id, workspaceId: workspace, channel: fake.known.channel, provider: fake.known.name },
        ...{ displayName: "", from: "shop@example.com", replyTo: "", webhookUrl: "", ratePerS: 0, order: made },
        ...{ sandboxTo: "", state: "active", reason: "", revision: 1, createdAt: at, updatedAt: at },
        ...(sealed === undefined ? {} : { credential: { ...sealed, sealed: new Binary(sealed.sealed) } }),
        ...changes,
      });
      bus.nc.publish(bus.subjects.providersChanged);
      const decider = await container.get(services.providerDirectory);
      await until(() => directory.find(id) && decider.find(id), "account known");
      return id;
    },
    /** Accepts a service message by email, unless told otherwise. */
    async accept(changes: Init = {}): Promise<string> {
      made += 1;
      const message = create(InterventionMessageSchema, {
        ...{ workspace, interventionId: `iv${made}`, idempotencyKey: `key${made}`, priority: Priority.NORMAL },
        recipient: {
          userId: `user-${made}`,
          addresses: [{ channel: ContactChannel.EMAIL, address: `user-${made}@example.com` }],
        },
        content: { title: "Your order is late", body: "By a day." },
        policy: { channels: [Channel.EMAIL], purpose: Purpose.SERVICE },
        acceptTime: timestampFromDate(new Date()),
        ...changes,
      });
      await acceptAll([message]);
      return message.interventionId;
    },
    acceptAll,
    attemptsOf: (id: string) => listAttempts(store, workspace, id),
    eventsOf: (id: string) => listEvents(store, workspace, id),
    stateOf,
    reached: (id: string, state: number) => until(async () => (await stateOf(id)) === state, `state ${state} of ${id}`),
    async [Symbol.asyncDispose]() {
      directory.stop();
      await parts[Symbol.asyncDispose]();
    },
  };

  async function acceptAll(messages: readonly InterventionMessage[]): Promise<void> {
    const at = new Date();
    await store.interventions.insertMany(
      messages.map((one) => ({
        ...{ _id: one.interventionId, workspaceId: one.workspace, userId: one.recipient?.userId ?? "" },
        ...{ position: toPosition(at, one.interventionId), acceptedAt: at, bodyHash: new Binary() },
        message: new Binary(toBinary(InterventionMessageSchema, one)),
      })),
    );
    await new PackedPublisher(bus).publish(messages.map((one) => toInterventionItem(bus.subjects, one)));
  }

  async function stateOf(id: string) {
    const kinds = (await listEvents(store, workspace, id)).map(toProgress);
    return toState(toStandingRound(await listRounds(store, workspace, id)), kinds);
  }
}
