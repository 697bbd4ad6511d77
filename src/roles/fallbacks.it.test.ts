import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { Outcome } from "../../gen/intervention/v1/decision_pb.js";
import { Channel, State, Success } from "../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { cancelIntervention } from "../api/cancel-intervention.ts";
import {
  createRealtimePublisher,
  findScheduled,
  PresenceAnnouncer,
  packItems,
  toSubjectToken,
  unscheduleDecision,
} from "../bus/index.ts";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { ServiceContainer } from "../container.ts";
import { defineServices } from "../services/index.ts";
import { insertEvents, listPriorSends, listRounds, toDecision, toInterventionMessage } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startDelivering } from "./testing/start-delivering.ts";
import { Walk } from "./walk.ts";
import { walkDelayed } from "./walk-delayed.ts";

type Engine = Awaited<ReturnType<typeof startDelivering>>;

const step = (channel: Channel, unless: Success, seconds = 1n) => ({ channel, unless, after: { seconds } });
const chain = {
  channels: [Channel.REALTIME],
  purpose: Purpose.SERVICE,
  fallbacks: [step(Channel.PUSH, Success.DISPLAYED), step(Channel.EMAIL, Success.CLICKED)],
};
/** Waits longer than any test does. */
const slow = { ...chain, fallbacks: [step(Channel.PUSH, Success.DISPLAYED, 600n)] };

/** Decides in a process that knows who is online. */
async function startDeciding(engine: Engine, { container, services }: Pick<Engine, "container" | "services">) {
  const presence = await container.get(services.presence);
  await container.get(services.decide);
  await until(() => presence.isOnline(engine.workspace, toSubjectToken("ada")), "presence known");
}

async function start({ isDeciding = true, isDelivering = true } = {}) {
  const fakes = { push: new FakeProvider("fakepush", "push"), email: new FakeProvider("fake") };
  const engine = await startDelivering([fakes.push, fakes.email]);
  await engine.addAccount(fakes.push);
  await engine.addAccount(fakes.email);
  const presence = new PresenceAnnouncer(engine.bus, "g1");
  presence.add(engine.workspace, "ada");
  const worker = isDelivering ? await engine.startWorker() : undefined;
  if (isDeciding) await startDeciding(engine, engine);
  return {
    ...{ engine, fakes },
    async [Symbol.asyncDispose]() {
      await worker?.[Symbol.asyncDispose]();
      presence.stop();
      await engine[Symbol.asyncDispose]();
    },
  };
}

const recipient = (userId = "ada") => ({
  userId,
  addresses: [
    { channel: ContactChannel.PUSH, address: "device" },
    { channel: ContactChannel.EMAIL, address: "ada@example.com" },
  ],
});

const roundsOf = async ({ store, workspace }: Engine, id: string) =>
  (await listRounds(store, workspace, id)).map(toDecision).map(({ outcome, channel }) => [outcome, channel]);

const hasRounds = (engine: Engine, id: string, count: number) =>
  until(async () => (await roundsOf(engine, id)).length === count, `${count} rounds of ${id}`);

/** What a device or a sender reports. */
async function happen({ store, workspace }: Engine, id: string, kind: string, actor = "person"): Promise<void> {
  const at = new Date();
  const common = { workspaceId: workspace, interventionId: id, userId: "ada", campaign: "", channel: "realtime" };
  await insertEvents(store, [{ _id: `${id}:${kind}`, ...common, kind, actor, occurredAt: at, receivedAt: at }]);
}

/** The message that fires for the fallback after a round. */
async function fire(engine: Engine, id: string, next: { readonly round: number; readonly fallback: number }) {
  const { bus, store, workspace } = engine;
  const [entry] = await store.interventions.find({ _id: id }).toArray();
  if (entry === undefined) throw new Error(`${id} was not accepted`);
  const message = create(InterventionMessageSchema, { ...toInterventionMessage(entry), ...next });
  const subject = bus.subjects.due(workspace, id);
  await bus.js.publish(subject, packItems([toBinary(InterventionMessageSchema, message)]));
}

describe("a chain of fallbacks", () => {
  it("goes from the socket to push to email while nothing is seen, each a round that Explain shows", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    const id = await engine.accept({ policy: chain, recipient: recipient() });
    await hasRounds(engine, id, 3);
    expect(await roundsOf(engine, id)).toEqual([
      [Outcome.SEND, Channel.REALTIME],
      [Outcome.SEND, Channel.PUSH],
      [Outcome.SEND, Channel.EMAIL],
    ]);
    await until(() => fakes.email.sent.length > 0, "email");
    expect(fakes.push.recipients).toEqual(["device"]);
    expect(fakes.email.recipients).toEqual(["ada@example.com"]);
    const ids = async () => (await engine.eventsOf(id)).filter(({ kind }) => kind === "sent").map(({ _id }) => _id);
    await until(async () => (await ids()).length === 3, "all told");
    expect((await ids()).sort()).toEqual([`${id}:sent`, `${id}:sent:email`, `${id}:sent:push`]);
    // What their providers report of them is named likewise.
    const attempts = (await engine.attemptsOf(id)).map(({ attempt }) => `${attempt.channel} ${attempt.isFallback}`);
    expect(attempts).toEqual(["email true", "push true"]);
    const counted = { workspaceId: engine.workspace, userId: "ada", since: new Date(0), limit: 10 };
    expect(await listPriorSends(engine.store, counted)).toHaveLength(1);
  });

  it("ends when it was displayed, and its state is that of what was sent", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    const id = await engine.accept({ policy: chain, recipient: recipient() });
    await hasRounds(engine, id, 1);
    await happen(engine, id, "displayed");
    await hasRounds(engine, id, 2);
    expect(await roundsOf(engine, id)).toEqual([
      [Outcome.SEND, Channel.REALTIME],
      [Outcome.KEEP, Channel.UNSPECIFIED],
    ]);
    expect(await engine.stateOf(id)).toBe(State.DISPLAYED);
    expect(fakes.push.sent).toEqual([]);
  });

  it("goes on when only a program has looked", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    const id = await engine.accept({ policy: slow, recipient: recipient() });
    await hasRounds(engine, id, 1);
    await happen(engine, id, "displayed", "prefetch");
    await fire(engine, id, { round: 1, fallback: 1 });
    await until(() => fakes.push.sent.length > 0, "push");
    expect(await roundsOf(engine, id)).toHaveLength(2);
  });

  it("does not send what waited for its provider when its user has seen the first meanwhile", async () => {
    await using all = await start({ isDelivering: false });
    const { engine, fakes } = all;
    const id = await engine.accept({ policy: slow, recipient: recipient() });
    await hasRounds(engine, id, 1);
    await fire(engine, id, { round: 1, fallback: 1 });
    await hasRounds(engine, id, 2);
    await happen(engine, id, "displayed");
    await using _worker = await engine.startWorker();
    const resultOf = async () => (await engine.attemptsOf(id))[0]?.result;
    await until(async () => (await resultOf()) !== undefined, "looked at");
    expect(await resultOf()).toMatchObject({ outcome: "cancelled", reason: "displayed: no fallback is needed" });
    expect(fakes.push.sent).toEqual([]);
  });

  it("goes on at once for a user without a socket", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    const id = await engine.accept({ policy: slow, recipient: recipient("bob") });
    await engine.reached(id, State.SENT);
    expect(await roundsOf(engine, id)).toEqual([[Outcome.SEND, Channel.PUSH]]);
    expect(fakes.push.sent).toHaveLength(1);
  });

  it("sends once, however often its message fires", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    const id = await engine.accept({ policy: slow, recipient: recipient() });
    await hasRounds(engine, id, 1);
    for (let n = 0; n < 10; n += 1) await fire(engine, id, { round: 1, fallback: 1 });
    await until(() => fakes.push.sent.length > 0, "push");
    await fire(engine, id, { round: 1, fallback: 1 });
    const later = await engine.accept({ recipient: recipient("bob") });
    await engine.reached(later, State.SENT);
    expect(fakes.push.sent).toHaveLength(1);
    expect(await roundsOf(engine, id)).toHaveLength(2);
  });

  it("sends when its decider died between deciding and sending", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    fakes.push.answer = () => ({ kind: "sent", providerMessageId: "m" });
    const id = await engine.accept({ policy: slow, recipient: recipient() });
    await hasRounds(engine, id, 1);
    await happen(engine, id, "delivered");
    // The decision stands, and nothing that follows from it was done.
    const other = await engine.accept({ policy: slow, recipient: recipient() });
    await hasRounds(engine, other, 1);
    await fire(engine, other, { round: 1, fallback: 1 });
    await hasRounds(engine, other, 2);
    const [, twin] = await listRounds(engine.store, engine.workspace, other);
    if (twin === undefined) throw new Error("no second round");
    const { capSlot: _slot, ...copy } = twin;
    await engine.store.decisions.insertOne({ ...copy, _id: `${id}/1`, interventionId: id });
    await fire(engine, id, { round: 1, fallback: 1 });
    await until(() => fakes.push.sent.some(({ deliveryId }) => deliveryId === `${id}:push`), "push");
  });

  it("is put back when the broker has lost what was to fire", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    const { bus, store, workspace, metrics, container, services } = engine;
    const id = await engine.accept({ policy: slow, recipient: recipient() });
    await hasRounds(engine, id, 1);
    await unscheduleDecision(bus, { workspace, interventionId: id });
    const events = await container.get(services.events);
    const log = await container.get(services.log);
    const common = { bus, store, events, metrics, log, undeliveredAfterMs: 10_000, undecidedAfterMs: 10_000 };
    const mine = { id: workspace, createdAt: new Date() };
    const soon = new Date(Date.now() + 605_000);
    expect(await walkDelayed(common, new Walk(common, mine), mine, soon)).toBe(0);
    const late = new Date(Date.now() + 620_000);
    expect(await walkDelayed(common, new Walk(common, mine), mine, late)).toBe(1);
    await until(() => fakes.push.sent.length > 0, "push");
    expect(await roundsOf(engine, id)).toHaveLength(2);
  });

  it("goes on after a restart in the middle", async () => {
    await using all = await start({ isDeciding: false });
    const { engine, fakes } = all;
    const first = new ServiceContainer();
    await startDeciding(engine, { container: first, services: defineServices(engine.config) });
    const id = await engine.accept({ policy: chain, recipient: recipient() });
    await hasRounds(engine, id, 1);
    await first.stop();
    await using second = new ServiceContainer();
    await startDeciding(engine, { container: second, services: defineServices(engine.config) });
    await until(() => fakes.email.sent.length > 0, "email");
    expect(await roundsOf(engine, id)).toHaveLength(3);
  });

  it("ends with a cancellation", async () => {
    await using all = await start();
    const { engine, fakes } = all;
    const id = await engine.accept({ policy: slow, recipient: recipient() });
    await hasRounds(engine, id, 1);
    const { store, bus, container, services } = engine;
    const [entry] = await store.interventions.find({ _id: id }).toArray();
    if (entry === undefined) throw new Error(`${id} was not accepted`);
    const events = await container.get(services.events);
    const parts = { store, bus, events, realtime: createRealtimePublisher(bus), now: () => new Date() };
    await cancelIntervention(parts, entry, "sold out");
    expect(await findScheduled(bus, bus.subjects.later(engine.workspace, id))).toBeUndefined();
    // One that fired at that very moment.
    await fire(engine, id, { round: 1, fallback: 1 });
    await hasRounds(engine, id, 2);
    expect((await roundsOf(engine, id)).at(-1)).toEqual([Outcome.KEEP, Channel.UNSPECIFIED]);
    expect(fakes.push.sent).toEqual([]);
    expect(await engine.stateOf(id)).toBe(State.CANCELLED);
  });
});
