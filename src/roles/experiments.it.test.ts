import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, it } from "vitest";
import { type InterventionMessage, InterventionMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { DecisionInputSchema, DecisionSchema, Rule } from "../../gen/intervention/v1/decision_pb.js";
import { type Experiment, ExperimentSchema, ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import { Channel, Priority, QuietHours_Handling } from "../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import { InterventionFrameSchema } from "../../gen/intervention/v1/realtime_pb.js";
import { decide } from "../domain/decision/decide.ts";
import { Unavailable } from "../domain/errors.ts";
import {
  findDecisions,
  findExperiment,
  insertExperiment,
  listEvents,
  profileId,
  replaceExperiment,
  toDecision,
  toDecisionInput,
  toExposure,
  toPosition,
} from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";
import { acceptMessages } from "./testing/accept-messages.ts";
import { Walk } from "./walk.ts";
import { walkDelayed } from "./walk-delayed.ts";

const TITLES: Readonly<Record<string, string>> = { plain: "Plain", bold: "BOLD" };
let made = 0;
function message(userId: string, changes: object = {}): InterventionMessage {
  made += 1;
  return create(InterventionMessageSchema, {
    ...{ workspace: "main", interventionId: `iv${made}`, idempotencyKey: `key${made}`, recipient: { userId } },
    ...{ content: { title: "Plain" }, priority: Priority.NORMAL, policy: { channels: [Channel.INBOX] } },
    ...{ campaign: "spring", acceptTime: timestampFromDate(new Date()), ...changes },
  });
}

async function start() {
  const parts = await startParts();
  const { container, services, store, bus } = parts;
  const experiments = await container.get(services.experiments);
  await container.get(services.decide);
  await container.get(services.track);
  const known = (id: string, isThere: boolean) =>
    until(
      () => experiments.listOf("main", "spring").some(({ experimentId }) => experimentId === id) === isThere,
      `experiment ${id} known`,
    );
  return {
    ...parts,
    async run(experimentId: string, changes: object = {}): Promise<void> {
      const experiment: Experiment = create(ExperimentSchema, {
        ...{ experimentId, state: ExperimentState.RUNNING, campaigns: ["spring"], salt: experimentId, traffic: 1 },
        variants: [
          { variantId: "plain", weight: 1 },
          { variantId: "bold", weight: 1, treatment: { content: { title: "BOLD" } } },
          { variantId: "none", weight: 1, holdout: true },
        ],
        ...changes,
      });
      const at = new Date();
      await insertExperiment(store, {
        ...{ workspaceId: "main", experiment, updatedAt: at, position: toPosition(at, experimentId) },
      });
      bus.nc.publish(bus.subjects.experimentsChanged);
      await known(experimentId, true);
    },
    async stop(experimentId: string): Promise<void> {
      const experiment = await findExperiment(store, { workspaceId: "main", experimentId });
      if (experiment === undefined) throw new Error(`no experiment ${experimentId}`);
      experiment.state = ExperimentState.STOPPED;
      await replaceExperiment(store, { workspaceId: "main", experiment, updatedAt: new Date() });
      bus.nc.publish(bus.subjects.experimentsChanged);
      await known(experimentId, false);
    },
    async decideAll(messages: readonly InterventionMessage[]) {
      await acceptMessages(parts, messages);
      const ids = messages.map(({ interventionId }) => `${interventionId}/0`);
      await until(async () => (await findDecisions(store, ids)).length === ids.length, "all decided");
      const found = new Map((await findDecisions(store, ids)).map((one) => [one.interventionId, one]));
      return messages.map(({ interventionId, recipient }) => {
        const document = found.get(interventionId);
        const input = document === undefined ? undefined : toDecisionInput(document);
        if (document === undefined || input === undefined) throw new Error(`${interventionId} was not decided`);
        return { document, input, decision: toDecision(document), userId: recipient?.userId ?? "" };
      });
    },
    exposures: () => store.exposures.find({ workspaceId: "main" }).toArray(),
    inboxed: async (userId: string) =>
      (await store.inbox.find({ workspaceId: "main", userId }).toArray()).map(
        ({ frame }) => fromBinary(InterventionFrameSchema, frame.value()).content?.title,
      ),
  };
}

describe("a campaign that is split", () => {
  it("sends each user his variant, holdouts nothing, and records once who has come in", async () => {
    await using engine = await start();
    await engine.run("colours");
    const users = Array.from({ length: 150 }, (_, n) => `u${n}`);
    const decided = await engine.decideAll(users.map((userId) => message(userId)));
    await engine.decideAll(users.slice(0, 20).map((userId) => message(userId)));
    await until(async () => (await engine.exposures()).length === users.length, "all exposed");
    const variants = new Map((await engine.exposures()).map(({ userId, variant }) => [userId, variant]));
    expect(new Set(variants.values())).toEqual(new Set(["plain", "bold", "none"]));
    for (const { decision, document, input, userId } of decided) {
      const variant = variants.get(userId) ?? "";
      expect(decision.assignments).toMatchObject([{ experiment: "colours", variant, holdout: variant === "none" }]);
      expect(document.outcome).toBe(variant === "none" ? "suppress" : "send");
      const verdict = decision.verdicts.find(({ rule }) => rule === Rule.EXPERIMENT);
      expect(verdict?.reason).toContain(`experiment "colours": variant "${variant}"`);
      // The record decides the same again, to the byte.
      const read = fromBinary(DecisionInputSchema, toBinary(DecisionInputSchema, input));
      expect(Buffer.from(toBinary(DecisionSchema, decide(read)))).toEqual(Buffer.from(document.decision.value()));
    }
    const titles = async (userId: string) => new Set(await engine.inboxed(userId));
    for (const [userId, variant] of variants)
      await until(
        async () => equalSets(await titles(userId), new Set(variant === "none" ? [] : [TITLES[variant]])),
        `inbox of ${userId}`,
      );
    const [first] = decided;
    const eventsOf = () => listEvents(engine.store, "main", first?.document.interventionId ?? "");
    await until(async () => (await eventsOf()).length >= 2, "events");
    for (const event of await eventsOf()) expect(event.variant).toBe(`colours/${variants.get("u0")}`);
  });

  it("keeps a user's variant when his ids are merged, and takes nobody new in while it is paused", async () => {
    await using engine = await start();
    await engine.run("colours", { state: ExperimentState.PAUSED });
    const at = new Date(Date.now() - 60_000);
    const [ada, guest] = ["ada", "guest"].map((userId) => ({
      ...{ _id: profileId("main", userId), workspaceId: "main", userId, revision: 1, registers: "{}", timeZone: "" },
      ...{ locale: "", denied: [], searchKeys: [], aliases: [] as string[], updatedAt: at },
    }));
    if (ada === undefined || guest === undefined) throw new Error("two profiles");
    await engine.store.profiles.insertMany([
      { ...ada, aliases: ["guest"], listedAs: "ada" },
      { ...guest, mergedInto: "ada" },
    ]);
    const exposure = { workspaceId: "main", experimentId: "colours", stratum: "[]" };
    await engine.store.exposures.insertMany([
      toExposure({ ...exposure, userId: "guest", variant: "bold", at }),
      toExposure({ ...exposure, userId: "ada", variant: "none", at: new Date(at.getTime() + 1) }),
    ]);
    const [asAda, asGuest, asNew] = await engine.decideAll(["ada", "guest", "new"].map((userId) => message(userId)));
    expect(asAda?.decision.assignments).toMatchObject([{ variant: "bold" }]);
    expect(asGuest?.decision.assignments).toMatchObject([{ variant: "bold" }]);
    expect(asNew?.decision.assignments).toMatchObject([{ variant: "" }]);
    expect(asNew?.document.outcome).toBe("send");
    await until(async () => (await engine.inboxed("new")).length === 1, "sent as it is");
    expect(await engine.inboxed("new")).toEqual(["Plain"]);
    expect(await engine.exposures()).toHaveLength(2);
  });

  it("says what was decided, and records who came in, though whoever decided it died and the experiment has ended", async () => {
    await using engine = await start();
    await engine.run("colours", {
      variants: [{ variantId: "bold", weight: 1, treatment: { content: { title: "BOLD" } } }],
    });
    const insertMany = engine.store.exposures.insertMany.bind(engine.store.exposures);
    let isDying = true;
    let tries = 0;
    engine.store.exposures.insertMany = (...given) => {
      tries += 1;
      if (isDying) throw new Unavailable("store", { cause: new Error("killed") });
      return insertMany(...given);
    };
    const [one] = await engine.decideAll([message("ada")]);
    await until(() => tries > 0, "it died once");
    expect(await engine.exposures()).toHaveLength(0);
    await engine.stop("colours");
    isDying = false;
    await until(async () => (await engine.inboxed("ada")).length === 1, "sent after all");
    expect(await engine.inboxed("ada")).toEqual(["BOLD"]);
    expect(await engine.exposures()).toMatchObject([{ userId: "ada", variant: "bold", at: one?.document.decidedAt }]);
  });

  it("goes on in later rounds as the first one was, whoever puts them on the stream", async () => {
    await using engine = await start();
    await engine.run("colours", {
      variants: [{ variantId: "bold", weight: 1, treatment: { content: { title: "BOLD" } } }],
    });
    const minuteAt = (ms: number) => new Date(ms).toISOString().slice(11, 16);
    const hours = { start: minuteAt(Date.now() - 60_000), end: minuteAt(Date.now() + 3_600_000) };
    const quietHours = { ...hours, handling: QuietHours_Handling.DELAY };
    const [one] = await engine.decideAll([message("ada", { policy: { channels: [Channel.INBOX], quietHours } })]);
    expect(one?.document.outcome).toBe("delay");
    await engine.stop("colours");
    const later = new Date((one?.document.notBefore?.getTime() ?? 0) + 3_600_000);
    const walks = {
      ...{ bus: engine.bus, store: engine.store, undeliveredAfterMs: 1, undecidedAfterMs: 1 },
      events: await engine.container.get(engine.services.events),
      metrics: await engine.container.get(engine.services.metrics),
      log: await engine.container.get(engine.services.log),
    };
    const workspace = { id: "main", createdAt: new Date(0) };
    expect(await walkDelayed(walks, new Walk(walks, workspace), workspace, later)).toBe(1);
    const again = await until(
      async () => (await findDecisions(engine.store, [`${one?.document.interventionId}/1`]))[0],
      "round 1",
    );
    expect(toDecisionInput(again)?.experiments).toEqual(one?.input.experiments);
    expect(one?.input.experiments).toMatchObject([
      { experiment: "colours", treatment: { content: { title: "BOLD" } } },
    ]);
  });
});

describe("an experiment that adapts", () => {
  it("draws newcomers by the newest shares, and records with which probability and under which of them", async () => {
    await using engine = await start();
    await engine.run("colours", {
      adaptive: {},
      allocations: [{ shares: [0.5, 0.3, 0.2] }, { shares: [2 ** -30, 1 - 2 ** -29, 2 ** -30] }],
    });
    const decided = await engine.decideAll(Array.from({ length: 20 }, (_, n) => message(`u${n}`)));
    for (const { decision } of decided)
      expect(decision.assignments).toMatchObject([{ variant: "bold", propensity: 1 - 2 ** -29, stratum: "[2]" }]);
    await until(async () => (await engine.exposures()).length === decided.length, "all exposed");
    expect(new Set((await engine.exposures()).map(({ stratum }) => stratum))).toEqual(new Set(["[2]"]));
  });

  it("draws those of a group that has learnt for itself by its own shares", async () => {
    await using engine = await start();
    const { server } = await engine.container.get(engine.services.api);
    const interceptors = [bearer(engine.apiKey)];
    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}`, interceptors });
    await createClient(ProfileService, transport).upsert({ profile: { userId: "ada", attributes: { plan: "gold" } } });
    const [mostPlain, mostBold] = [
      [1 - 2 ** -29, 2 ** -30, 2 ** -30],
      [2 ** -30, 1 - 2 ** -29, 2 ** -30],
    ];
    const contexts = [{ context: '["gold"]', shares: mostPlain }];
    await engine.run("colours", { adaptive: {}, stratifyBy: ["plan"], allocations: [{ shares: mostBold, contexts }] });
    const [ada, bob] = await engine.decideAll([message("ada"), message("bob")]);
    expect(ada?.decision.assignments).toMatchObject([{ variant: "plain", stratum: '[1,"gold"]' }]);
    expect(bob?.decision.assignments).toMatchObject([{ variant: "bold", stratum: "[1,null]" }]);
  });
});

describe("a holdout from all campaigns", () => {
  const all = {
    ...{ campaigns: [], allCampaigns: true },
    variants: [{ variantId: "none", weight: 1, holdout: true }],
  };

  it("keeps campaigns from a user, but neither what he has to be told nor what is of no campaign", async () => {
    await using engine = await start();
    await engine.run("colours");
    await engine.run("all", all);
    const service = { policy: { channels: [Channel.INBOX], purpose: Purpose.SERVICE }, campaign: "receipts" };
    const [spring, receipt, alone] = await engine.decideAll([
      message("ada"),
      message("ada", service),
      message("ada", { campaign: "" }),
    ]);
    expect(spring?.decision.assignments).toMatchObject([{ experiment: "all", variant: "none", holdout: true }]);
    expect(spring?.document.outcome).toBe("suppress");
    expect([receipt, alone].map((one) => one?.document.outcome)).toEqual(["send", "send"]);
    expect([receipt, alone].map((one) => one?.decision.assignments)).toEqual([[], []]);
    // In no further experiment: who gets nothing can't tell its variants apart.
    await until(async () => (await engine.exposures()).length > 0, "exposed");
    expect(await engine.exposures()).toMatchObject([{ experiment: "main/all", userId: "ada" }]);
  });
});

describe("a campaign that is not split", () => {
  it("is decided without a look at anything of experiments", async () => {
    await using engine = await start();
    await engine.run("colours");
    engine.store.exposures.find = () => {
      throw new Error("nobody asked for this");
    };
    const [one] = await engine.decideAll([message("ada", { campaign: "autumn" })]);
    expect(one?.document).toMatchObject({ outcome: "send" });
    expect(one?.document).not.toHaveProperty("inExperiment");
    expect(one?.decision.assignments).toEqual([]);
  });
});

const equalSets = (one: ReadonlySet<unknown>, other: ReadonlySet<unknown>) =>
  one.size === other.size && [...one].every((member) => other.has(member));
