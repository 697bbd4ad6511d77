import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toQuotaDay } from "../domain/limit/quota-day.ts";
import { CallLimits } from "../integrations/call-limits.ts";
import { toFindQuota } from "../integrations/find-quota.ts";
import { QuotaLedger } from "../integrations/quota-ledger.ts";
import { until } from "../testing/until.ts";
import { startCallers } from "./testing/start-callers.ts";

const LIMITS = "intervention.v1.LimitService";
const key = { callsPerSecond: 10, burst: 20 };

describe("LimitService", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers(LIMITS);
  });
  afterAll(() => api[Symbol.asyncDispose]());
  const get = async () => (await api.call("GetLimits", {})).body;
  const etag = async () => String((await get()).limits && ((await get()).limits as { etag: string }).etag);

  it("tells what the engine allows where nothing is set", async () => {
    expect(await get()).toMatchObject({
      limits: { name: "workspaces/main/limits", quotas: [] },
      effectiveKey: { callsPerSecond: 1_000, burst: 2_000 },
      effectiveWorkspace: { callsPerSecond: 5_000, burst: 10_000 },
    });
  });

  it("sets what the mask names, by etag, leaves the rest, and writes it into the audit log", async () => {
    const stale = await etag();
    const quotas = [{ channel: "CHANNEL_SMS", messagesPerDay: "5" }];
    expect(await api.call("UpdateLimits", { limits: { key, quotas, etag: stale } })).toMatchObject({
      code: 0,
      body: { limits: { key, quotas } },
    });
    expect(await api.call("UpdateLimits", { limits: { etag: stale } })).toMatchObject({ code: 10 });
    const change = { limits: { quotas: [] }, updateMask: { paths: ["quotas"] } };
    expect(await api.call("UpdateLimits", change)).toMatchObject({ code: 0, body: { limits: { key, quotas: [] } } });
    const entries = await api.store.audit.find({ method: `${LIMITS}/UpdateLimits` }).toArray();
    expect(entries.map(({ after }) => JSON.parse(after ?? "{}").quotas ?? [])).toContainEqual(quotas);
    expect((await get()).effectiveKey).toEqual(key);
  });

  it("lets an owner set less than the engine allows and not more, and the platform anything", async () => {
    const more = {
      limits: { workspace: { callsPerSecond: 5_001, burst: 10_000 } },
      updateMask: { paths: ["workspace"] },
    };
    const before = await get();
    expect(await api.call("UpdateLimits", more)).toMatchObject({
      code: 3,
      details: [{}, { fieldViolations: [{ field: "limits.workspace.calls_per_second" }] }],
    });
    expect(await get()).toEqual(before);
    await api.store.apiKeys.updateMany({ workspaceId: "main" }, { $set: { isPlatform: true } });
    await api.access.refresh();
    expect(await api.call("UpdateLimits", more)).toMatchObject({ code: 0 });
    await api.store.apiKeys.updateMany({ workspaceId: "main" }, { $unset: { isPlatform: true } });
    await api.access.refresh();
  });

  it("is in force everywhere at once: for calls, and for messages a day", async () => {
    const wide = { ratePerS: 1_000, burst: 1_000 };
    const limits = new CallLimits({ bus: api.bus, access: api.access, key: wide, workspace: wide, now: () => 0 });
    const quotas = [{ channel: "CHANNEL_EMAIL", messagesPerDay: "3" }];
    await api.call("UpdateLimits", { limits: { key: { callsPerSecond: 1, burst: 2 }, quotas } });
    const findCaller = () => api.access.findService(api.apiKey);
    await until(() => findCaller()?.workspace.limits?.key?.burst === 2, "known");
    const caller = findCaller();
    if (caller === undefined) throw new Error("the key is not known");
    expect([1, 2, 3].map(() => limits.charge(caller, 1).kind)).toEqual(["passed", "passed", "refused"]);
    limits.stop();
    expect(toFindQuota(api.access, "UTC")("main", "email")).toEqual({ perDay: 3, timeZone: "UTC" });
    expect(toFindQuota(api.access, "UTC")("main", "sms")).toBeUndefined();
    expect(toFindQuota(api.access, "UTC")("other", "email")).toBeUndefined();
  });

  it("counts today's use of each quota", async () => {
    const now = new Date();
    const { day, endsAt } = toQuotaDay(now, "UTC");
    await new QuotaLedger(api.store).claim({ workspaceId: "main", channel: "email", day }, 3, ["a", "b"], now);
    expect((await api.call("ListQuotaUse", {})).body).toMatchObject({
      uses: [
        {
          quota: { channel: "CHANNEL_EMAIL", messagesPerDay: "3" },
          used: "2",
          day,
          resetTime: { seconds: String(endsAt.getTime() / 1_000) },
        },
      ],
    });
    expect((await api.callAsStranger("ListQuotaUse", {})).body).toMatchObject({ uses: [] });
  });
});
