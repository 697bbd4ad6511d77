import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import pino from "pino";
import { describe, expect, it } from "vitest";
import { DeliveryMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { Channel, DeliveryGuarantee, Priority, State } from "../../gen/intervention/v1/intervention_pb.js";
import { ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { listDeadLetters, PackedPublisher, replayDeadLetter, toDispatchItem } from "../bus/index.ts";
import type { SendResult } from "../channels/provider.ts";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { ATTEMPTS_MAX } from "../domain/delivery/next-step.ts";
import { findSentAs, insertEvents, listRounds, toInterventionMessage, toSentAs } from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startDelivering } from "./testing/start-delivering.ts";
import { toDelivery } from "./to-delivery.ts";
import { DeliveryWalk } from "./walk-deliveries.ts";

type Engine = Awaited<ReturnType<typeof startDelivering>>;

const service = { channels: [Channel.EMAIL], purpose: Purpose.SERVICE };
const atMostOnce = { ...service, deliveryGuarantee: DeliveryGuarantee.AT_MOST_ONCE };

/** The delivery that a decision put on its way. */
async function deliveryOf({ store, workspace }: Engine, id: string) {
  const document = await until(async () => (await listRounds(store, workspace, id)).at(-1), "decided");
  const [entry] = await store.interventions.find({ _id: id }).toArray();
  if (entry === undefined) throw new Error(`${id} was not accepted`);
  return toDelivery(toInterventionMessage(entry), document);
}

const dispatch = (engine: Engine, delivery: Parameters<typeof toDispatchItem>[1]) =>
  new PackedPublisher(engine.bus).publish([toDispatchItem(engine.bus.subjects, delivery)]);

/** What a worker leaves behind that dies with an attempt in its hands. */
async function claimByHand(engine: Engine, id: string, account: string, leaseUntil: Date): Promise<void> {
  await engine.store.attempts.insertOne({
    ...{ _id: `${id}:email:1`, workspaceId: engine.workspace, userId: "u", interventionId: id, channel: "email" },
    ...{ attempt: 1, accountId: account, provider: "fake", worker: "dead", startedAt: new Date(0), leaseUntil },
  });
}

async function startWithFake(...fakes: FakeProvider[]) {
  const engine = await startDelivering(fakes);
  const accounts: string[] = [];
  for (const fake of fakes) accounts.push(await engine.addAccount(fake));
  await engine.startDecide();
  return { engine, accounts };
}

const outcomes = async (engine: Engine, id: string) =>
  (await engine.attemptsOf(id)).map(({ result }) => result?.outcome);

describe("delivering by a provider", () => {
  it("sends what was decided for it, once, and tells so", async () => {
    const fake = new FakeProvider("fake");
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    const id = await engine.accept();
    await engine.reached(id, State.SENT);
    expect(fake.sent).toMatchObject([
      {
        deliveryId: `${id}:email`,
        attempt: 1,
        to: expect.stringMatching(/@example\.com$/),
        content: { channel: "email", from: "shop@example.com", subject: "Your order is late" },
      },
    ]);
    expect(await engine.attemptsOf(id)).toMatchObject([
      {
        attempt: { attempt: 1, provider: "fake" },
        result: { outcome: "sent", providerMessageId: `fake-${id}:email-1` },
      },
    ]);
  });

  it("records how a provider that calls back names the message, so that it is found by that", async () => {
    const fake = new FakeProvider("fake");
    const { engine, accounts } = await startWithFake(fake);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    const id = await engine.accept();
    await engine.reached(id, State.SENT);
    const name = toSentAs(accounts[0] ?? "", `fake-${id}:email-1`);
    const found = await findSentAs(engine.store, [name, toSentAs("pa_other", `fake-${id}:email-1`)]);
    expect([...found]).toMatchObject([[name, { interventionId: id, channel: "email" }]]);
    expect(found.get(name)).not.toHaveProperty("isFallback");
  });

  it("sends once what is on the stream many times, in one batch and in several workers'", async () => {
    const fake = new FakeProvider("fake");
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    const id = await engine.accept();
    const delivery = await deliveryOf(engine, id);
    for (let n = 0; n < 20; n += 1) await dispatch(engine, delivery);
    await using _first = await engine.startWorker();
    await using _second = await engine.startWorker();
    await engine.reached(id, State.SENT);
    await dispatch(engine, delivery);
    const after = await engine.accept();
    await engine.reached(after, State.SENT);
    expect(fake.sent.filter(({ deliveryId }) => deliveryId === `${id}:email`)).toHaveLength(1);
  });

  it("redirects everything to one address where the account is a sandbox", async () => {
    const fake = new FakeProvider("fake");
    await using engine = await startDelivering([fake]);
    await engine.addAccount(fake, { sandboxTo: "team@shop.example" });
    await engine.startDecide();
    await using _worker = await engine.startWorker();
    await engine.reached(await engine.accept(), State.SENT);
    expect(fake.recipients).toEqual(["team@shop.example"]);
  });

  it("sends nothing whose user has said no, or not yes to marketing, since it was decided", async () => {
    const fake = new FakeProvider("fake");
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    const id = await engine.accept();
    const delivery = await deliveryOf(engine, id);
    await engine.store.profiles.insertOne({
      ...{ _id: `main/${delivery.intervention?.recipient?.userId}`, workspaceId: "main", userId: "u", revision: 1 },
      ...{ registers: "", timeZone: "", locale: "", searchKeys: [], aliases: [], updatedAt: new Date() },
      denied: [{ name: "email/service", at: new Date() }],
    });
    await using _worker = await engine.startWorker();
    await engine.reached(id, State.FAILED);
    expect(fake.sent).toEqual([]);
    expect((await engine.eventsOf(id)).at(-1)?.reason).toBe("the user has said no to email/service");
  });

  it("sends nothing that was cancelled before its attempt, and nothing whose time is over", async () => {
    const fake = new FakeProvider("fake");
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    const soon = new Date(Date.now() + 1_500);
    const [cancelled, late] = [await engine.accept(), await engine.accept({ expireTime: timestampFromDate(soon) })];
    await deliveryOf(engine, cancelled);
    await deliveryOf(engine, late);
    const at = new Date();
    await insertEvents(engine.store, [
      {
        ...{ _id: `${cancelled}:cancelled`, workspaceId: "main", interventionId: cancelled, userId: "u" },
        ...{ kind: "cancelled", campaign: "", channel: "email", occurredAt: at, receivedAt: at },
      },
    ]);
    await until(() => new Date() > soon, "time over");
    await using _worker = await engine.startWorker();
    await engine.reached(late, State.EXPIRED);
    await until(async () => (await outcomes(engine, cancelled)).includes("cancelled"), "looked at");
    expect(fake.sent).toEqual([]);
    expect(await engine.stateOf(cancelled)).toBe(State.CANCELLED);
  });

  it("sends a one-time code while a newsletter is stuck in its provider", async () => {
    const fake = new FakeProvider("fake", "email", { concurrency: 2, batchMax: 1, timeoutMs: 60_000 });
    let letGo: (() => void) | undefined;
    const isStuck = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    fake.answer = async (message) => {
      if (message.to !== "code@example.com") await isStuck;
      return { kind: "sent", providerMessageId: "m" };
    };
    const code = new FakeProvider("code");
    const { engine } = await startWithFake(fake, code);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    const newsletter = await engine.accept({ priority: Priority.LOW });
    await until(() => fake.sent.length > 0, "the newsletter is in the provider's hands");
    const urgent = await engine.accept({
      priority: Priority.HIGH,
      recipient: { userId: "c", addresses: [{ channel: ContactChannel.EMAIL, address: "code@example.com" }] },
    });
    await engine.reached(urgent, State.SENT);
    expect(await engine.stateOf(newsletter)).toBe(State.QUEUED);
    letGo?.();
    await engine.reached(newsletter, State.SENT);
  });
});

describe("a worker that dies between claiming and telling", () => {
  it("leaves its attempt alone until its lease is over", async () => {
    const fake = new FakeProvider("fake");
    const { engine, accounts } = await startWithFake(fake);
    await using _ = engine;
    const id = await engine.accept({ policy: service });
    const leaseUntil = new Date(Date.now() + 2_000);
    await claimByHand(engine, id, accounts[0] ?? "", leaseUntil);
    await using _worker = await engine.startWorker();
    await engine.reached(id, State.SENT);
    const [, second] = await engine.attemptsOf(id);
    expect(second?.attempt.startedAt.getTime()).toBeGreaterThan(leaseUntil.getTime());
  });

  it("under at_most_once, leaves an outcome that is not known, and nothing is sent again", async () => {
    const fake = new FakeProvider("fake");
    const { engine, accounts } = await startWithFake(fake);
    await using _ = engine;
    const id = await engine.accept({ policy: atMostOnce });
    await claimByHand(engine, id, accounts[0] ?? "", new Date(0));
    await using _worker = await engine.startWorker();
    await engine.reached(id, State.UNCERTAIN);
    expect(fake.sent).toEqual([]);
    expect(await outcomes(engine, id)).toEqual(["unknown"]);
  });

  it("under at_least_once, is followed by an attempt that is marked as perhaps the second", async () => {
    const fake = new FakeProvider("fake");
    const { engine, accounts } = await startWithFake(fake);
    await using _ = engine;
    const id = await engine.accept({ policy: service });
    await claimByHand(engine, id, accounts[0] ?? "", new Date(0));
    await using _worker = await engine.startWorker();
    await engine.reached(id, State.SENT);
    expect(fake.sent).toHaveLength(1);
    expect((await engine.attemptsOf(id)).map(({ attempt }) => attempt.maybeTwice)).toEqual([undefined, true]);
  });

  it("settles nothing any more when it wakes after another one has found its lease over", async () => {
    const fake = new FakeProvider("fake", "email", { timeoutMs: 30_000 });
    let wake: ((result: SendResult) => void) | undefined;
    fake.answer = () =>
      new Promise((resolve) => {
        wake = resolve;
      });
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    const id = await engine.accept({ policy: atMostOnce });
    await until(() => wake, "in the provider's hands");
    await engine.store.attemptResults.insertOne({
      ...{ _id: `${id}:email:1`, workspaceId: "main", userId: "u", outcome: "unknown", reason: "lease over" },
      ...{ providerMessageId: "", endedAt: new Date() },
    });
    wake?.({ kind: "sent", providerMessageId: "late" });
    fake.answer = () => ({ kind: "sent", providerMessageId: "m" });
    await engine.reached(await engine.accept(), State.SENT);
    expect(await engine.attemptsOf(id)).toMatchObject([{ result: { outcome: "unknown" } }]);
    expect((await engine.eventsOf(id)).map(({ kind }) => kind)).not.toContain("sent");
  });

  it("does not send what it stalls over for longer than its lease", async () => {
    const fake = new FakeProvider("fake", "email", { concurrency: 1, batchMax: 1, timeoutMs: 1_000 });
    let wake: (() => void) | undefined;
    fake.answer = () =>
      new Promise((resolve) => {
        wake = () => resolve({ kind: "sent", providerMessageId: "m" });
      });
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    const ids = [await engine.accept({ policy: atMostOnce }), await engine.accept({ policy: atMostOnce })];
    for (const id of ids) await deliveryOf(engine, id);
    await using _worker = await engine.startWorker({ leaseMs: 500 });
    await until(() => wake, "the first is in the provider's hands");
    const [first] = await engine.store.attempts.find().toArray();
    await until(() => Date.now() > (first?.leaseUntil.getTime() ?? 0), "lease over");
    fake.answer = () => ({ kind: "sent", providerMessageId: "m" });
    wake?.();
    for (const id of ids) await engine.reached(id, State.SENT);
    const all = (await Promise.all(ids.map((id) => outcomes(engine, id)))).sort((a, b) => a.length - b.length);
    expect(all).toEqual([["sent"], ["put_back", "sent"]]);
    expect(fake.sent).toHaveLength(2);
  });
});

describe("a provider that fails", () => {
  const failing = (result: SendResult) => {
    const fake = new FakeProvider("failing");
    fake.answer = () => result;
    return fake;
  };

  it.each([[{ kind: "retry", reason: "throttled" } as const], [{ kind: "bad_credential", reason: "535" } as const]])(
    "hands over to the next one at once: %o",
    async (result) => {
      const [first, second] = [failing(result), new FakeProvider("second")];
      const { engine } = await startWithFake(first, second);
      await using _ = engine;
      await using _worker = await engine.startWorker();
      const id = await engine.accept();
      await engine.reached(id, State.SENT);
      expect(await outcomes(engine, id)).toEqual([result.kind, "sent"]);
      expect([first.sent.length, second.sent.length]).toEqual([1, 1]);
    },
  );

  it("is asked again after a while when it is the only one", async () => {
    const fake = new FakeProvider("fake");
    fake.answer = ({ attempt }) =>
      attempt === 1 ? { kind: "retry", reason: "busy" } : { kind: "sent", providerMessageId: "m" };
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    const id = await engine.accept();
    await engine.reached(id, State.SENT);
    expect(await outcomes(engine, id)).toEqual(["retry", "sent"]);
  });

  it.each([
    ["give_up", "too big"],
    ["suppress", "no such mailbox"],
  ] as const)("ends a delivery when it says %s", async (kind, reason) => {
    const fake = failing({ kind, reason });
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    const id = await engine.accept();
    await engine.reached(id, State.FAILED);
    expect((await engine.eventsOf(id)).at(-1)).toMatchObject({ kind: "failed", reason, channel: "email" });
    expect(fake.sent).toHaveLength(1);
  });

  it("is paused when it refuses the credential, and what waits is sent when that was changed", async () => {
    const fake = failing({ kind: "bad_credential", reason: "535 5.7.8" });
    const { engine, accounts } = await startWithFake(fake);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    const id = await engine.accept();
    const paused = await until(
      () => engine.store.providerAccounts.findOne({ _id: accounts[0] ?? "", state: "paused" }),
      "paused",
    );
    expect(paused.reason).toBe("the provider refuses the credential: 535 5.7.8");
    fake.answer = () => ({ kind: "sent", providerMessageId: "m" });
    const changes = { state: "active" as const, revision: paused.revision + 1, updatedAt: new Date() };
    await engine.store.providerAccounts.updateOne({ _id: paused._id }, { $set: changes });
    await engine.reached(id, State.SENT);
    expect(await outcomes(engine, id)).toEqual(["bad_credential", "sent"]);
  });

  it("is left alone after failing again and again", async () => {
    const fake = failing({ kind: "unknown", reason: "ECONNRESET" });
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    await using _worker = await engine.startWorker();
    for (let n = 0; n < 8; n += 1) {
      const id = await engine.accept({ policy: atMostOnce });
      await until(async () => [State.UNCERTAIN, State.QUEUED].includes(await engine.stateOf(id)), "looked at");
      if (n < 5) await engine.reached(id, State.UNCERTAIN);
    }
    expect(fake.sent.length).toBe(5);
  });

  it("leaves a dead letter after its last attempt, and replaying it begins anew", async () => {
    const fake = failing({ kind: "retry", reason: "greylisted" });
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    const id = await engine.accept();
    const delivery = await deliveryOf(engine, id);
    await engine.bus.jsm.streams.purge(engine.bus.subjects.stream("DISPATCH"));
    await using _worker = await engine.startWorker();
    await dispatch(engine, create(DeliveryMessageSchema, { ...delivery, attempt: ATTEMPTS_MAX }));
    await engine.reached(id, State.FAILED);
    const [letter] = await until(async () => {
      const found = await listDeadLetters(engine.bus, { workspace: "main", after: 0, limit: 10 });
      return found.length > 0 && found;
    }, "dead letter");
    expect(letter).toMatchObject({ stream: "DISPATCH", error: "greylisted", attempts: ATTEMPTS_MAX });
    fake.answer = () => ({ kind: "sent", providerMessageId: "m" });
    await replayDeadLetter(engine.bus, { workspace: "main", sequence: letter?.sequence ?? 0 });
    await engine.reached(id, State.SENT);
  });
});

describe("the rate of an account", () => {
  it("lets no more through than it allows, and nothing is lost over it", async () => {
    const fake = new FakeProvider("fake");
    await using engine = await startDelivering([fake]);
    await engine.addAccount(fake, { ratePerS: 5 });
    await engine.startDecide();
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1) ids.push(await engine.accept());
    for (const id of ids) await deliveryOf(engine, id);
    await using _first = await engine.startWorker();
    await using _second = await engine.startWorker();
    for (const id of ids) await engine.reached(id, State.SENT);
    expect(fake.sent).toHaveLength(12);
    const starts = (await engine.store.attempts.find().toArray()).map(({ startedAt }) => startedAt.getTime());
    const first = Math.min(...starts);
    // A full bucket and what two workers may overshoot by in the time it takes to tell each other.
    expect(starts.filter((at) => at < first + 900).length).toBeLessThanOrEqual(10);
  });
});

describe("what the broker has lost of it", () => {
  it("is made of the decision again, once nothing waits any more", async () => {
    const fake = new FakeProvider("fake");
    const { engine } = await startWithFake(fake);
    await using _ = engine;
    const [id, waiting] = [await engine.accept(), await engine.accept({ content: { title: "Another" } })];
    for (const one of [id, waiting]) await deliveryOf(engine, one);
    const { bus, store, metrics } = engine;
    await until(
      async () => (await bus.jsm.streams.info(bus.subjects.stream("DISPATCH"))).state.messages > 0,
      "dispatched",
    );
    const walk = new DeliveryWalk(
      { bus, store, metrics, log: pino({ level: "silent" }), lostAfterMs: 30_000 },
      { id: "main", createdAt: new Date() },
    );
    const inAMinute = new Date(Date.now() + 60_000);
    // Nobody has taken the stream's messages yet: they are not lost.
    expect(await walk.step(inAMinute)).toBe(0);
    await bus.jsm.streams.purge(bus.subjects.stream("DISPATCH"));
    expect(await walk.step(inAMinute)).toBe(2);
    await using _worker = await engine.startWorker();
    await engine.reached(id, State.SENT);
    await engine.reached(waiting, State.SENT);
    expect(await walk.step(inAMinute)).toBe(0);
    expect(fake.sent).toHaveLength(2);
  });
});
