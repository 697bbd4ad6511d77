import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { BurstMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { DigestSchema } from "../../gen/intervention/v1/campaign_pb.js";
import { Unavailable } from "../domain/errors.ts";
import { until } from "../testing/until.ts";
import { prediction, startTriggers } from "./testing/trigger-parts.ts";

type Parts = Awaited<ReturnType<typeof startTriggers>>;

const rolling = (ms: number) => create(DigestSchema, { window: { case: "after", value: durationFromMs(ms) } });
const LONG = rolling(3_600_000);

const hear = (parts: Pick<Parts, "triggers">, userId: string, predictionId: string) =>
  parts.triggers.onPredictions([{ workspace: "main", prediction: prediction({ userId, predictionId }) }]);

/** What the schedule would say when the window of a user is over. */
async function closing(parts: Parts, userId = "ada") {
  const window = await parts.store.digestWindows.findOne({ workspaceId: "main", userId });
  if (window === null) throw new Error(`${userId} has no window`);
  return create(BurstMessageSchema, {
    ...{ workspace: "main", campaign: window.campaignId, userId, digestWindow: window.windowId },
  });
}

/** The ids in each digest that was accepted, as `user: a b c`. */
async function digests(parts: Parts): Promise<string[]> {
  return (await parts.accepted()).map(({ content, recipient }) => {
    const { digest } = JSON.parse(JSON.stringify(content?.data ?? {}));
    const ids: string[] = digest.items.map(
      (item: { prediction: { predictionId: string } }) => item.prediction.predictionId,
    );
    expect(digest.count).toBe(ids.length);
    return `${recipient?.userId}: ${ids.toSorted((a, b) => a.localeCompare(b)).join(" ")}`;
  });
}

describe("a digest", () => {
  it("of events of one second is one message, and what comes after it is in the next", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: LONG });
    for (const id of ["a", "b", "c"]) await hear(parts, "ada", id);
    expect(await parts.accepted()).toEqual([]);
    await parts.triggers.onCalm(await closing(parts));
    for (const id of ["d", "e"]) await hear(parts, "ada", id);
    await parts.triggers.onCalm(await closing(parts));
    expect(await digests(parts)).toEqual(["ada: a b c", "ada: d e"]);
    expect(await parts.store.digestWindows.countDocuments()).toBe(0);
  });

  it("has each of a hundred concurrent events once, heard by three processes and each of them twice", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: LONG });
    const processes = [parts, parts.newProcess(), parts.newProcess()];
    const ids = Array.from({ length: 100 }, (_, index) => `p${String(index).padStart(3, "0")}`);
    await Promise.all([...ids, ...ids].map((id, index) => hear(processes[index % 3] ?? parts, "ada", id)));
    expect(await parts.store.digestWindows.countDocuments()).toBe(1);
    await parts.triggers.onCalm(await closing(parts));
    const [sent] = await parts.accepted();
    expect(sent?.content?.data).toMatchObject({ digest: { count: 100 } });
    expect(await parts.store.digestItems.countDocuments({ key: "main/digest/ada", state: "taken" })).toBe(100);
    expect(await parts.accepted()).toHaveLength(1);
  });

  it("loses nothing and doubles nothing while windows close in the middle of a flood, told by all at once", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: LONG });
    const processes = [parts, parts.newProcess(), parts.newProcess()];
    const ids = Array.from({ length: 60 }, (_, index) => `p${String(index).padStart(3, "0")}`);
    const heard = ids.map(async (id, index) => {
      await hear(processes[index % 3] ?? parts, "ada", id);
      if (index % 6 !== 0) return;
      const window = await parts.store.digestWindows.findOne({ workspaceId: "main", userId: "ada" });
      if (window === null) return;
      const burst = create(BurstMessageSchema, {
        ...{ workspace: "main", campaign: "digest", userId: "ada", digestWindow: window.windowId },
      });
      await Promise.all(processes.map(({ triggers }) => triggers.onCalm(burst)));
    });
    await Promise.all(heard);
    for (let left = true; left; left = (await parts.store.digestWindows.countDocuments()) > 0)
      if ((await parts.store.digestWindows.countDocuments()) > 0) await parts.triggers.onCalm(await closing(parts));
    const all = (await digests(parts)).flatMap((one) => one.replace("ada: ", "").split(" "));
    expect(all.toSorted()).toEqual(ids);
  });

  it("that died between closing and accepting gives the same batch when it is retried, whatever came meanwhile", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: LONG });
    for (const id of ["a", "b"]) await hear(parts, "ada", id);
    const burst = await closing(parts);
    const dying = parts.newProcess({ acceptor: { accept: () => Promise.reject(new Unavailable("bus")) } });
    await expect(dying.triggers.onCalm(burst)).rejects.toThrow(Unavailable);
    await hear(parts, "ada", "late");
    await parts.newProcess().triggers.onCalm(burst);
    // A retried job does not merge with itself, nor does it drop the batch.
    await parts.newProcess().triggers.onCalm(burst);
    expect(await digests(parts)).toEqual(["ada: a b"]);
    await parts.triggers.onCalm(await closing(parts));
    expect(await digests(parts)).toEqual(["ada: a b", "ada: late"]);
  });

  it("never mixes up users or campaigns, also where their names run into each other", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: LONG });
    for (const [user, id] of [
      ["a", "1"],
      ["a/b", "2"],
      ["a%2Fb", "3"],
      ["a", "4"],
    ] as const)
      await hear(parts, user, id);
    for (const user of ["a", "a/b", "a%2Fb"]) await parts.triggers.onCalm(await closing(parts, user));
    expect(new Set(await digests(parts))).toEqual(new Set(["a%2Fb: 3", "a/b: 2", "a: 1 4"]));
  });

  it("is scheduled again by whoever hears the next, when he who opened its window died before", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: LONG });
    await hear(parts, "ada", "a");
    const subject = parts.bus.subjects.burst("main", "digest.digest", "ada");
    const filter = { filter: subject };
    await parts.bus.jsm.streams.purge(parts.bus.subjects.stream("DELAYED"), filter);
    await hear(parts, "ada", "a");
    const { state } = await parts.bus.jsm.streams.info(parts.bus.subjects.stream("DELAYED"), {
      subjects_filter: subject,
    });
    expect(state.subjects).toEqual({ [subject]: 1 });
  });

  it("of a campaign that does not run any more is not sent", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: LONG });
    await hear(parts, "ada", "a");
    const burst = await closing(parts);
    const later = parts.newProcess({ now: () => new Date(Date.now() + 1) });
    await parts.store.campaigns.deleteMany({});
    await later.triggers.onCalm(create(BurstMessageSchema, { ...burst, campaign: "gone" }));
    expect(await parts.accepted()).toEqual([]);
  });

  it("is closed by the broker's clock", async () => {
    await using parts = await startTriggers();
    await parts.run("digest", { digest: rolling(400) });
    await using _ = await parts.startWorker();
    await Promise.all(["a", "b", "c"].map((id) => hear(parts, "ada", id)));
    await until(async () => (await parts.accepted()).length === 1, "the digest is accepted");
    expect(await digests(parts)).toEqual(["ada: a b c"]);
  });
});
