import type { Document } from "mongodb";
import { expect, it } from "vitest";
import { toEventFilters } from "../store/index.ts";
import { startParts } from "../testing/parts.ts";
import { COLLECTIONS } from "./collections.ts";

it("finds whom to export, erase and forget, and whom to send what, by indexes", async () => {
  await using parts = await startParts();
  const { db } = parts.store;
  const now = new Date();
  const range = { $gte: "0", $lt: "1" };
  const queries: [string, Document][] = [
    ["interventions", { workspaceId: "w", userId: "ada" }],
    ["inbox", { workspaceId: "w", userId: "ada" }],
    ["webhook_deliveries", { workspaceId: "w", userId: "ada" }],
    ["webhook_deliveries", { workspaceId: "w", endpointId: "e", position: range }],
    ["webhook_endpoints", { workspaceId: "w" }],
    ["erasures", { workspaceId: "w", state: "open" }],
    ["erasures", { erasedAt: { $gte: now } }],
    ["retention", { workspaceId: "w" }],
    ...toEventFilters(["a", "b"]).map((filter): [string, Document] => ["events", filter]),
    ["cart_watches", { workspaceId: "w", userId: "ada" }],
    ["shopper_changes", { workspaceId: "w", userId: "ada" }],
    ["digest_items", { workspaceId: "w", userId: "ada" }],
    ["digest_items", { key: "w/c/ada", state: "pending" }],
    ["digest_windows", { workspaceId: "w", userId: "ada" }],
    ["travellers", { workspaceId: "w", userId: "ada" }],
    ["contests", { workspaceId: "w", userId: "ada" }],
    ["travellers", { workspaceId: "w", campaignId: "c", dueAt: { $lte: new Date() } }],
    ["exposures", { workspaceId: "w", userId: "ada" }],
    ["exposures", { experiment: "w/e", place: range }],
    ["conversions", { workspaceId: "w", userId: { $in: ["ada", "bob"] } }],
    ["shop_events", { workspaceId: "w", userId: { $in: ["ada", "bob"] } }],
    ["events", { touchOf: { $in: ["w/ada", "w/bob"] } }],
    ["profile_merges", { workspaceId: "w" }],
    ["cart_watches", { workspaceId: "w", dueAt: { $lte: now } }],
    ["attempt_results", { sentAs: { $in: ["pa_1/a", "pa_1/b"] } }],
    ["soft_bounces", { workspaceId: "w", addressHash: "0a" }],
    ["decisions", { _id: { $in: ["a/0", "a/1"] } }],
  ];
  for (const [collection, entry] of Object.entries(COLLECTIONS))
    if ("retention" in entry && entry.retention?.timeField !== undefined)
      queries.push([collection, { workspaceId: "w", [entry.retention.timeField]: { $lt: now } }]);
  for (const [collection, filter] of queries) {
    const plan = JSON.stringify(await db.collection<Document>(collection).find(filter).explain("queryPlanner"));
    const what = `${collection} ${JSON.stringify(filter)}`;
    expect(plan, what).not.toContain("COLLSCAN");
    expect(plan, what).toMatch(/IXSCAN|IDHACK/);
  }
});
