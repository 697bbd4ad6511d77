import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Campaign, CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { startCallers } from "../api/testing/start-callers.ts";
import { Unavailable } from "../domain/errors.ts";
import { CampaignKeeper } from "../integrations/campaign-keeper.ts";
import { findCampaign, toCampaign } from "../store/index.ts";
import { tendCampaigns } from "./tend-campaigns.ts";

const MINUTE_MS = 60_000;

let api: Awaited<ReturnType<typeof startCallers>>;
beforeAll(async () => {
  api = await startCallers("intervention.v1.CampaignService");
});
afterAll(() => api[Symbol.asyncDispose]());

const toTime = (ms: number) => ({ seconds: String(Math.floor(ms / 1_000)) });

/** A campaign that starts in a minute and ends in two. */
async function make(campaignId: string): Promise<number> {
  const startMs = Math.floor(Date.now() / 1_000) * 1_000 + MINUTE_MS;
  const campaign = {
    ...{ displayName: "Timed", trigger: { event: "SHOP_EVENT_KIND_PAGE_VIEWED" }, content: { title: "Hello" } },
    expireTime: toTime(startMs + MINUTE_MS),
  };
  expect((await api.call("Create", { campaignId, campaign })).code).toBe(0);
  expect((await api.call("Schedule", { name: campaignId, startTime: toTime(startMs) })).code).toBe(0);
  return startMs;
}

const read = async (campaignId: string) => {
  const found = await findCampaign(api.store, "main", campaignId);
  return found && toCampaign(found);
};

/** So many schedulers at once at a moment.
 *  @returns each change that they made to this campaign. */
async function tendBy(schedulers: number, campaignId: string, atMs: number): Promise<Set<string>> {
  const { store, bus, log } = api;
  const now = () => new Date(atMs);
  const before = await read(campaignId);
  const etags = new Set<string>();
  const tendOne = () => {
    const keeper = new CampaignKeeper({ store, bus, log, now });
    const change = async (
      ...[workspaceId, id, etag, edit]: Parameters<CampaignKeeper["change"]>
    ): Promise<Campaign> => {
      const changed = await keeper.change(workspaceId, id, etag, edit);
      if (id === campaignId && changed.etag !== before?.etag) etags.add(changed.etag);
      return changed;
    };
    return tendCampaigns({ ...api, keeper: { change }, now });
  };
  await Promise.all(Array.from({ length: schedulers }, tendOne));
  return etags;
}

describe("a campaign with a start and an end", () => {
  it("is started and completed once each, however many look, and not a moment before", async () => {
    const startMs = await make("once");
    expect(await tendBy(5, "once", startMs - 1)).toEqual(new Set());
    expect((await read("once"))?.state).toBe(CampaignState.SCHEDULED);
    expect((await tendBy(5, "once", startMs)).size).toBe(1);
    expect((await read("once"))?.state).toBe(CampaignState.RUNNING);
    expect(await tendBy(5, "once", startMs + MINUTE_MS - 1)).toEqual(new Set());
    expect((await tendBy(5, "once", startMs + MINUTE_MS)).size).toBe(1);
    const ended = await read("once");
    expect(ended?.state).toBe(CampaignState.COMPLETED);
    expect(ended?.updateTime && timestampMs(ended.updateTime)).toBe(startMs + MINUTE_MS);
    expect(await tendBy(2, "once", startMs + 9 * MINUTE_MS)).toEqual(new Set());
  });

  it("that was paused meanwhile is not started again by a scheduler that comes late", async () => {
    const startMs = await make("late");
    await tendBy(1, "late", startMs);
    expect((await api.call("Pause", { name: "late" })).code).toBe(0);
    expect(await tendBy(3, "late", startMs + 1)).toEqual(new Set());
    expect((await read("late"))?.state).toBe(CampaignState.PAUSED);
  });

  it("holds up no other when it can't be changed", async () => {
    const startMs = await make("broken");
    await make("whole");
    const { store, bus, log } = api;
    const now = () => new Date(startMs);
    const keeper = new CampaignKeeper({ store, bus, log, now });
    const change = async (...[workspaceId, id, etag, edit]: Parameters<CampaignKeeper["change"]>) => {
      if (id === "broken") throw new Unavailable("store");
      return keeper.change(workspaceId, id, etag, edit);
    };
    await expect(tendCampaigns({ ...api, keeper: { change }, now })).rejects.toThrow(/1 campaigns are tried again/);
    expect((await read("whole"))?.state).toBe(CampaignState.RUNNING);
    await tendBy(1, "broken", startMs);
    expect((await read("broken"))?.state).toBe(CampaignState.RUNNING);
  });
});
