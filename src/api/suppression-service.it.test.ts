import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCallers } from "./testing/start-callers.ts";

const SERVICE = "intervention.v1.SuppressionService";
const email = (address: string, more: object = {}) => ({ channel: "CHANNEL_EMAIL", address, ...more });

describe("SuppressionService", () => {
  let api: Awaited<ReturnType<typeof startCallers>>;
  beforeAll(async () => {
    api = await startCallers(SERVICE);
  });
  afterAll(() => api[Symbol.asyncDispose]());

  it("knows an address in whatever case, says why, and names none", async () => {
    const ada = email("Ada@Example.com", { reason: "SUPPRESSION_REASON_BOUNCE", source: "crm" });
    expect(await api.call("AddSuppressions", { suppressions: [ada, email("ADA@example.com")] })).toMatchObject({
      body: { addedCount: 1 },
    });
    expect(await api.call("AddSuppressions", { suppressions: [ada] })).toMatchObject({ body: { addedCount: 0 } });
    const found = {
      channel: "CHANNEL_EMAIL",
      scope: "SUPPRESSION_SCOPE_ALL",
      reason: "SUPPRESSION_REASON_BOUNCE",
      source: "crm",
    };
    expect((await api.call("FindSuppressions", email("ada@EXAMPLE.com"))).body).toMatchObject({
      suppressions: [found],
    });
    expect((await api.call("FindSuppressions", email("bob@example.com"))).body).toMatchObject({ suppressions: [] });
    expect((await api.callAsStranger("FindSuppressions", email("ada@example.com"))).body).toMatchObject({
      suppressions: [],
    });
    const listed = (await api.call("ListSuppressions", {})).body;
    expect(listed).toMatchObject({ suppressions: [found], nextPageToken: "" });
    expect(
      JSON.stringify([listed, await api.store.suppressions.find().toArray(), await api.store.audit.find().toArray()]),
    ).not.toMatch(/example/i);
  });

  it("takes one away by its scope, again without harm, and lists page by page", async () => {
    const numbers = Array.from({ length: 5 }, (_, n) => ({ channel: "CHANNEL_SMS", address: `+4930123450${n}` }));
    const marketing = { scope: "SUPPRESSION_SCOPE_MARKETING" };
    await api.call("AddSuppressions", { suppressions: numbers.map((one) => ({ ...one, ...marketing })) });
    const [first] = numbers;
    await api.call("RemoveSuppression", { ...first });
    expect((await api.call("FindSuppressions", { ...first })).body.suppressions).toHaveLength(1);
    for (let n = 0; n < 2; n += 1)
      expect((await api.call("RemoveSuppression", { ...first, ...marketing })).code).toBe(0);
    expect((await api.call("FindSuppressions", { ...first })).body.suppressions).toHaveLength(0);
    const hashes: string[] = [];
    let pageToken = "";
    do {
      const { body } = await api.call("ListSuppressions", { pageSize: 2, pageToken });
      hashes.push(...(body.suppressions as { addressHash: string }[]).map(({ addressHash }) => addressHash));
      pageToken = String(body.nextPageToken);
    } while (pageToken !== "");
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes).toHaveLength(5);
  });
});
