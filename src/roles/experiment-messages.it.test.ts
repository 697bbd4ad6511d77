import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ExperimentSchema, ExperimentState, type TreatmentSchema } from "../../gen/intervention/v1/experiment_pb.js";
import { Channel, State } from "../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { InterventionFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { PresenceAnnouncer, toSubjectToken } from "../bus/index.ts";
import { FakeProvider } from "../channels/testing/fake-provider.ts";
import {
  decisionId,
  findDecisionOutlines,
  findDecisions,
  findInterventions,
  insertExperiment,
  toInterventionMessage,
  toPosition,
} from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { until } from "../testing/until.ts";
import { sweepSends } from "./sweep-sends.ts";
import { startDelivering } from "./testing/start-delivering.ts";
import { toDelivery } from "./to-delivery.ts";

type Init = Extract<MessageInitShape<typeof TreatmentSchema>, { $typeName?: never }>;

const INBOX = { channels: [Channel.INBOX], purpose: Purpose.SERVICE };

describe("what a variant says", () => {
  const fake = new FakeProvider("fake");
  let engine: Awaited<ReturnType<typeof startDelivering>>;
  beforeEach(async () => {
    engine = await startDelivering([fake]);
    await engine.addAccount(fake);
    await engine.startDecide();
  });
  afterEach(() => engine[Symbol.asyncDispose]());

  /** Everybody has the one variant there is. */
  async function run(treatment: Init) {
    const experiment = create(ExperimentSchema, {
      ...{ experimentId: "tone", state: ExperimentState.RUNNING, campaigns: ["spring"], salt: "tone", traffic: 1 },
      variants: [{ variantId: "bold", weight: 1, treatment }],
    });
    const at = new Date();
    await insertExperiment(engine.store, {
      ...{ workspaceId: "main", experiment, updatedAt: at, position: toPosition(at, "tone") },
    });
    engine.bus.nc.publish(engine.bus.subjects.experimentsChanged);
    const experiments = await engine.container.get(engine.services.experiments);
    await until(() => experiments.listOf("main", "spring").length > 0, "experiment known");
  }
  const inboxOf = async (interventionId: string) => {
    const item = await until(() => engine.store.inbox.findOne({ _id: interventionId }), "inbox item");
    return fromBinary(InterventionFrameSchema, item.frame.value()).content?.title;
  };

  it("goes by the channel it takes, and says the same when it is made of the ledger again", async () => {
    await run({ content: { title: "BOLD" }, channels: [Channel.EMAIL] });
    await using _worker = await engine.startWorker();
    const id = await engine.accept({ campaign: "spring", policy: INBOX });
    await engine.reached(id, State.SENT);
    expect(JSON.stringify(fake.sent.at(-1)?.content)).toContain("BOLD");
    const sent = (await engine.eventsOf(id)).find(({ kind }) => kind === "sent");
    expect(sent).toMatchObject({ channel: "email", variant: "tone/bold" });
    const [document] = await findDecisions(engine.store, [decisionId(id, 0)]);
    const [entry] = await findInterventions(engine.store, "main", [id]);
    if (document === undefined || entry === undefined) throw new Error("not kept");
    const asked = toInterventionMessage(entry);
    expect(asked.content?.title).not.toBe("BOLD");
    expect(toDelivery(asked, document)).toMatchObject({
      channel: Channel.EMAIL,
      intervention: { content: { title: "BOLD" }, experiments: [{ experiment: "tone" }] },
    });
  });

  it("is what a template says, where it names one", async () => {
    const { server } = await engine.container.get(engine.services.api);
    const interceptors = [bearer(engine.apiKey)];
    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}`, interceptors });
    const templates = createClient(TemplateService, transport);
    const draft = { variants: [{ realtime: { title: "By template", body: "Hello" } }] };
    await templates.createTemplate({ templateId: "hello", displayName: "Hello", draft });
    await templates.publishTemplate({ name: "hello" });
    await run({ template: { template: "hello", version: 1 } });
    const id = await engine.accept({ campaign: "spring", policy: INBOX });
    expect(await inboxOf(id)).toBe("By template");
  });

  it("is what waits in the inbox when no device has taken it", async () => {
    await run({ content: { title: "BOLD" } });
    const announcer = new PresenceAnnouncer(engine.bus, "g1");
    announcer.add("main", "ada");
    const presence = await engine.container.get(engine.services.presence);
    await until(() => presence.isOnline("main", toSubjectToken("ada")), "presence known");
    const policy = { channels: [Channel.REALTIME, Channel.INBOX], purpose: Purpose.SERVICE };
    const id = await engine.accept({ campaign: "spring", policy, recipient: { userId: "ada" } });
    await engine.reached(id, State.SENT);
    const { bus, container, services, store } = engine;
    const options = {
      ...{ bus, store, undeliveredAfterMs: 0, undecidedAfterMs: 60_000 },
      events: await container.get(services.events),
      metrics: await container.get(services.metrics),
      log: await container.get(services.log),
    };
    const sends = await findDecisionOutlines(store, [decisionId(id, 0)]);
    await sweepSends(options, { workspaceId: "main", sends, now: new Date() });
    expect(await inboxOf(id)).toBe("BOLD");
    const inboxed = async () => (await engine.eventsOf(id)).find(({ kind }) => kind === "inboxed");
    expect(await until(inboxed, "told")).toMatchObject({ variant: "tone/bold" });
    announcer.stop();
  });
});
