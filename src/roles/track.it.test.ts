import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DecisionSchema } from "../../gen/intervention/v1/decision_pb.js";
import { EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import { listDeadLetters, toKindName } from "../bus/index.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

describe("what others report of an intervention", () => {
  let parts: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    parts = await start();
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  async function start() {
    const all = await startParts();
    await all.container.get(all.services.track);
    const events = await all.container.get(all.services.events);
    return {
      ...all,
      decided: (interventionId: string) =>
        all.store.decisions.insertOne({
          ...{ _id: `${interventionId}/0`, workspaceId: "main", interventionId, userId: "ada", campaign: "spring" },
          ...{ round: 0, outcome: "send", channel: "realtime", decidedAt: new Date(Date.now() - 5_000) },
          decision: new Binary(toBinary(DecisionSchema, create(DecisionSchema, { channel: Channel.REALTIME }))),
        }),
      report: (interventionId: string, kind: EventKind, userId = "ada", workspace = "main") =>
        events.publish([
          create(EventSchema, {
            eventId: `${interventionId}:${toKindName(kind)}`,
            ...{ kind, interventionId, workspace, userId, channel: Channel.REALTIME },
            occurTime: timestampFromDate(new Date()),
          }),
        ]),
      letters: async () => (await listDeadLetters(all.bus, { workspace: "main", after: 0, limit: 10 })).length,
    };
  }

  it("is counted by its decision's campaign, with how long it took", async () => {
    await parts.decided("a1");
    await parts.report("a1", EventKind.DISPLAYED);
    const event = await until(() => parts.store.events.findOne({ _id: "a1:displayed" }), "stored");
    // Five seconds, in bins of 2 %.
    expect(event).toMatchObject({ campaign: "spring", channel: "realtime", touchOf: "main/ada" });
    expect(Math.abs((event.stageBin ?? 0) - Math.log(5_000) / Math.log(1.02))).toBeLessThan(30);
  });

  it("goes to the dead letters when it was never decided, or is somebody else's, and what came with it is stored", async () => {
    await parts.decided("b1");
    await Promise.all([
      parts.report("nothing", EventKind.DISPLAYED),
      parts.report("b1", EventKind.CLICKED, "bob"),
      parts.report("b1", EventKind.DISPLAYED),
    ]);
    await until(() => parts.store.events.findOne({ _id: "b1:displayed" }), "stored");
    await until(async () => (await parts.letters()) === 2, "two letters");
    expect(await parts.store.events.countDocuments({ _id: { $in: ["nothing:displayed", "b1:clicked"] } })).toBe(0);
  });
});
