import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { readCdnow } from "../../../bench/cdnow.ts";
import { ProfileService } from "../../../gen/data_intelligence/v1/profile_service_pb.js";
import { DataIntelligence } from "../../../src/integrations/data-intelligence.ts";
import { createMetrics } from "../../../src/observe/index.ts";
import { type SandboxProfileService, startProfileService } from "./start-profile-service.ts";
import { toHistories, toProfile } from "./to-profile.ts";

const purchases = await readCdnow();

describe("the profile of a customer", () => {
  const history = { purchases: 1, cds: 2, cents: 2_000, firstDate: "1998-06-01", lastDate: "1998-06-01" };

  test.each([
    { what: "one purchase a month ago", changes: {}, segments: ["one-time-buyer"] },
    { what: "four purchases", changes: { purchases: 4 }, segments: ["repeat-buyer"] },
    { what: "five purchases", changes: { purchases: 5 }, segments: ["loyal"] },
    { what: "much spent", changes: { cents: 24_200 }, segments: ["one-time-buyer", "big-spender"] },
    { what: "nothing for half a year", changes: { lastDate: "1997-12-29" }, segments: ["one-time-buyer", "lapsed"] },
    { what: "nothing for nearly that long", changes: { lastDate: "1997-12-30" }, segments: ["one-time-buyer"] },
  ])("with $what has the segments $segments", ({ changes, segments }) => {
    expect(toProfile("00001", { ...history, ...changes }).segments).toEqual(segments);
  });

  it("has the data's own totals over all customers", () => {
    const profiles = [...toHistories(purchases)].map(([id, one]) => toProfile(id, one));
    const sum = profiles.reduce((cents, { lifetimeValue }) => cents + (lifetimeValue?.minor ?? 0n), 0n);
    expect([profiles.length, sum]).toEqual([23_570, 250_031_563n]);
    const bigSpenders = profiles.filter(({ segments }) => segments?.includes("big-spender"));
    expect(bigSpenders.length / profiles.length).toBeCloseTo(0.1, 2);
    expect(new Set(profiles.map(({ timeZone }) => timeZone)).size).toBe(8);
  });
});

describe("the profile service", () => {
  let service: SandboxProfileService;
  beforeAll(async () => {
    service = await startProfileService({ purchases });
  });
  afterAll(() => service.stop());
  const client = () =>
    createClient(ProfileService, createConnectTransport({ baseUrl: service.url, httpVersion: "1.1" }));

  it("answers for one customer, and that it does not know another", async () => {
    const { profile } = await client().getProfile({ workspace: "main", userId: "00004" });
    expect(profile).toMatchObject({
      segments: ["repeat-buyer", "lapsed"],
      attributes: {
        purchases: 4,
        cds: 7,
        spend_minor: 10_050,
        first_purchase: "1997-01-01",
        last_purchase: "1997-12-12",
      },
    });
    await expect(client().getProfile({ workspace: "main", userId: "ada" })).rejects.toThrow(/not_found/);
  });

  it("refuses no users and too many", async () => {
    await expect(client().batchGetProfiles({ userIds: [] })).rejects.toThrow(/invalid_argument/);
    const userIds = Array.from({ length: 1_001 }, (_, i) => `${i}`);
    await expect(client().batchGetProfiles({ userIds })).rejects.toThrow(/invalid_argument/);
  });

  it("is understood by the engine, about every customer there is", async () => {
    using asked = new DataIntelligence({
      ...{ url: service.url, deadlineMs: 30_000, freshMs: 0, staleMs: 0, cacheMax: 1, inFlightMax: 64 },
      ...{ metrics: createMetrics(), now: () => performance.now() },
    });
    const userIds = [...toHistories(purchases).keys()];
    const lookups = await asked.look("main", [...userIds, "ada"]);
    const answered = [...lookups.values()].map((one) =>
      one.kind === "answered" ? one.profile?.timeZone : one.outcome,
    );
    expect(answered.filter((timeZone) => timeZone?.includes("/"))).toHaveLength(userIds.length);
    expect(answered.filter((timeZone) => timeZone === undefined)).toHaveLength(1);
  });
});
