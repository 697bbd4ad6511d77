import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { Acceptor } from "../accept/acceptor.ts";
import { parseTrigger } from "../api/parse-trigger.ts";
import { createWorkspace } from "../integrations/access-directory.ts";
import { startParts } from "../testing/parts.ts";
import { until } from "../testing/until.ts";

/** Two workspaces whose requests are accepted by one process. */
async function startTwo() {
  const parts = await startParts();
  await createWorkspace(parts.store, "noisy");
  const access = await parts.container.get(parts.services.access);
  await access.refresh();
  const { bus, store } = parts;
  const acceptor = new Acceptor({ bus, store, now: () => new Date() });
  return {
    ...parts,
    accept: async (workspaceId: string, count: number, priority: "PRIORITY_HIGH" | "PRIORITY_NORMAL") => {
      const workspace = access.findWorkspace(workspaceId);
      if (workspace === undefined) throw new Error(`no workspace ${workspaceId}`);
      const requests = Array.from({ length: count }, () =>
        parseTrigger(
          create(TriggerRequestSchema, {
            ...{ recipient: { userId: "u" }, content: { title: "t" } },
            priority: priority === "PRIORITY_HIGH" ? 3 : 2,
          }),
          { workspaceId, newKey: () => crypto.randomUUID() },
        ),
      );
      const results = await acceptor.accept(workspace, requests, "");
      expect(results.filter(({ kind }) => kind === "accepted")).toHaveLength(count);
    },
    /** Messages on the stream, by the part of their subjects that tells their lane. */
    lanes: async () => {
      const { state } = await bus.jsm.streams.info(bus.subjects.stream("INTERVENTIONS"), { subjects_filter: ">" });
      return Object.keys(state.subjects ?? {})
        .map((subject) => subject.slice(subject.indexOf(".iv.") + 4))
        .toSorted((a, b) => a.localeCompare(b));
    },
    countDecided: (workspaceId: string) => store.decisions.countDocuments({ workspaceId }),
  };
}

describe("a workspace that asks for much at once", () => {
  it("waits for itself on a lane of its own, by priority, and another is decided before all of it is", async () => {
    await using two = await startTwo();
    for (let n = 0; n < 5; n += 1) await two.accept("noisy", 1_000, "PRIORITY_NORMAL");
    await two.accept("noisy", 1, "PRIORITY_HIGH");
    await two.accept("main", 1, "PRIORITY_NORMAL");
    expect(await two.lanes()).toEqual(["main.normal", "noisy.high", "noisy.normal", "noisy.normal.bulk"]);
    await two.container.get(two.services.decide);
    await until(async () => (await two.countDecided("noisy")) === 5_001, "everything decided", 60_000);
    const find = (workspaceId: string) =>
      two.store.decisions.find({ workspaceId }, { projection: { decidedAt: 1 } }).toArray();
    const [quiet] = await find("main");
    const newest = Math.max(...(await find("noisy")).map(({ decidedAt }) => decidedAt.getTime()));
    expect(quiet?.decidedAt.getTime()).toBeLessThan(newest);
  });

  it("is among the others again when that is decided", async () => {
    await using two = await startTwo();
    await two.accept("noisy", 1_000, "PRIORITY_NORMAL");
    await two.accept("noisy", 1, "PRIORITY_NORMAL");
    expect(await two.lanes()).toEqual(["noisy.normal", "noisy.normal.bulk"]);
    await two.container.get(two.services.decide);
    await until(async () => (await two.countDecided("noisy")) === 1_001, "everything decided", 60_000);
    const countOnMain = async () => {
      const { subjects, jsm } = two.bus;
      const filter = subjects.intervention("noisy", "normal");
      const { state } = await jsm.streams.info(subjects.stream("INTERVENTIONS"), { subjects_filter: filter });
      return state.subjects?.[filter] ?? 0;
    };
    const before = await countOnMain();
    await until(async () => {
      await two.accept("noisy", 1, "PRIORITY_NORMAL");
      return (await countOnMain()) > before;
    }, "one on the main lane");
  });
});
