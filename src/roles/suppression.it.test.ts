import { describe, expect, it } from "vitest";
import { Channel, State } from "../../gen/intervention/v1/intervention_pb.js";
import { ConsentStatus, ContactChannel, Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { ProfileKeeper } from "../api/profile-keeper.ts";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import { toConsentKey, toConsentWord } from "../domain/profile/register-keys.ts";
import { readUnsubscribeToken, toUnsubscribeUrls } from "../integrations/unsubscribe-links.ts";
import {
  deleteSuppression,
  findSuppressions,
  insertSuppressions,
  listRounds,
  toAddressHash,
  toDecision,
} from "../store/index.ts";
import { until } from "../testing/until.ts";
import { startDelivering } from "./testing/start-delivering.ts";

const ADA = "Ada@Example.com";
const email = (address: string, purpose = Purpose.SERVICE) => ({
  recipient: { userId: "ada", addresses: [{ channel: ContactChannel.EMAIL, address }] },
  policy: { channels: [Channel.EMAIL, Channel.INBOX], purpose },
});
const said = { channel: "email", scope: "all", reason: "complaint", source: "test" } as const;

async function start() {
  const fake = new FakeProvider("fake");
  const engine = await startDelivering([fake]);
  await engine.addAccount(fake);
  await engine.startDecide();
  const workspace = await until(
    async () => (await engine.container.get(engine.services.access)).findWorkspace(engine.workspace),
    "the workspace",
  );
  const verdictOf = async (id: string) => {
    const document = await until(async () => (await listRounds(engine.store, engine.workspace, id)).at(-1), "decided");
    return toDecision(document);
  };
  return { fake, engine, workspace, verdictOf };
}

describe("a suppressed address", () => {
  it("is passed over by the decision, which says why and takes the next channel", async () => {
    const { fake, engine, workspace, verdictOf } = await start();
    await using _ = engine;
    await using _worker = await engine.startWorker();
    await insertSuppressions(engine.store, workspace, [{ ...said, address: ADA.toLowerCase() }], new Date());
    const id = await engine.accept(email(ADA));
    const decision = await verdictOf(id);
    expect(decision.channel).toBe(Channel.INBOX);
    const other = await engine.accept(email("bob@example.com"));
    await engine.reached(other, State.SENT);
    expect(fake.recipients).toEqual(["bob@example.com"]);
    const only = await engine.accept({
      ...email(ADA),
      policy: { channels: [Channel.EMAIL], purpose: Purpose.SERVICE },
    });
    expect(JSON.stringify((await verdictOf(only)).verdicts)).toContain("its address is suppressed: complaint");
  });

  it("of marketing gets service messages all the same", async () => {
    const { fake, engine, workspace } = await start();
    await using _ = engine;
    await using _worker = await engine.startWorker();
    await insertSuppressions(engine.store, workspace, [{ ...said, scope: "marketing", address: ADA }], new Date());
    const id = await engine.accept(email(ADA));
    await engine.reached(id, State.SENT);
    expect(fake.recipients).toEqual([ADA]);
  });

  it("can be suppressed by the link in a marketing email, which a service email has not", async () => {
    const { fake, engine, workspace } = await start();
    await using _ = engine;
    const access = await engine.container.get(engine.services.access);
    const toUnsubscribeUrl = toUnsubscribeUrls(access, "https://engage.shop.example");
    await using _worker = await engine.startWorker({ toUnsubscribeUrl });
    const keeper = new ProfileKeeper({ store: engine.store, now: () => new Date(), indexedAttributes: [] });
    const subject = { channel: ContactChannel.EMAIL, purpose: Purpose.MARKETING };
    const yes = [
      toConsentKey(subject, toConsentWord(ConsentStatus.GRANTED, false)),
      { value: true, at: 1, id: "" },
    ] as const;
    await keeper.apply(engine.workspace, [{ userId: "ada", changes: new Map([yes]) }]);
    const ids = [await engine.accept(email(ADA)), await engine.accept(email(ADA, Purpose.MARKETING))];
    for (const id of ids) await engine.reached(id, State.SENT);
    const headersOf = (id: string) => {
      const content = fake.sent.find(({ deliveryId }) => deliveryId === `${id}:email`)?.content;
      return content?.channel === "email" ? content.headers : undefined;
    };
    expect(headersOf(ids[0] ?? "")).toEqual({});
    const [, token = ""] = /\?t=([^&>]+)/.exec(headersOf(ids[1] ?? "")?.["List-Unsubscribe"] ?? "") ?? [];
    const who = readUnsubscribeToken(access, token);
    expect(who?.addressHash).toBe(toAddressHash(workspace, { channel: "email", address: ADA }));
  });

  it("is seen just before sending too, when it came after the decision", async () => {
    const { fake, engine, workspace, verdictOf } = await start();
    await using _ = engine;
    const id = await engine.accept(email(ADA));
    expect((await verdictOf(id)).channel).toBe(Channel.EMAIL);
    await insertSuppressions(engine.store, workspace, [{ ...said, address: ADA }], new Date());
    await using _worker = await engine.startWorker();
    await engine.reached(id, State.FAILED);
    expect(fake.sent).toEqual([]);
    expect(await engine.attemptsOf(id)).toMatchObject([
      { result: { outcome: "refused", reason: "the address is suppressed: complaint" } },
    ]);
  });

  it("is one that a provider says is dead, until somebody lets it be sent to again; a sandbox's is another", async () => {
    const { fake, engine, workspace, verdictOf } = await start();
    await using _ = engine;
    fake.answer = () => ({ kind: "suppress", reason: "no such mailbox" });
    await using _worker = await engine.startWorker();
    const id = await engine.accept(email(ADA));
    await engine.reached(id, State.FAILED);
    const found = await findSuppressions(engine.store, workspace, [{ channel: "email", address: ADA }]);
    expect([...found.values()].flat()).toMatchObject([{ reason: "dead", source: "fake", scope: "all" }]);
    expect((await verdictOf(await engine.accept(email(ADA)))).channel).toBe(Channel.INBOX);
    await deleteSuppression(engine.store, workspace, { channel: "email", address: ADA, scope: "all" });
    expect((await verdictOf(await engine.accept(email(ADA)))).channel).toBe(Channel.EMAIL);
    expect(JSON.stringify(await engine.store.suppressions.find().toArray())).not.toContain("xample");
  });
});
