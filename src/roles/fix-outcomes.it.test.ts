import { toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { expect, it } from "vitest";
import { PredictionKind, PredictionSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { connectParts } from "../api/testing/start-api.ts";
import { insertPredictions, predictionDocumentId } from "../store/index.ts";
import { fixOutcomes } from "./fix-outcomes.ts";
import { prediction } from "./testing/trigger-parts.ts";

const NOW = new Date("2026-06-10T12:00:00Z");
const HOUR_MS = 3_600_000;
const before = (hours: number) => new Date(NOW.getTime() - hours * HOUR_MS);

it("fixes the outcome of each prediction once its horizon is over, once, however many there are", async () => {
  await using parts = await connectParts();
  const { store } = parts;
  const madeBefore = [30, 29, 26, 25, 24.1, 12].map((hours, index) => ({
    hours,
    userId: index % 2 === 0 ? "ada" : "bob",
  }));
  const flood = Array.from({ length: 700 }, () => ({ hours: 28, userId: "eve" }));
  await insertPredictions(
    store,
    [...madeBefore, ...flood].map(({ hours, userId }, index) => {
      const one = prediction({
        ...{ predictionId: `made${index}`, userId, kind: PredictionKind.PURCHASE_INTENT },
        predictTime: timestampFromDate(new Date(before(hours).getTime() + (userId === "eve" ? index : 0))),
      });
      return {
        _id: predictionDocumentId("main", one.predictionId),
        ...{ workspaceId: "main", userId, kind: one.kind, receivedAt: NOW },
        predictedAt: new Date(before(hours).getTime() + (userId === "eve" ? index : 0)),
        prediction: new Binary(toBinary(PredictionSchema, one)),
      };
    }),
  );
  const findOrders = async (_: string, userId: string) =>
    userId === "ada" ? [{ placedAt: before(3), productIds: [] }] : [];
  const workspace = { id: "main", createdAt: before(40) };
  for (let step = 0; step < 5; step += 1) await fixOutcomes({ store, findOrders }, workspace, NOW);
  const fixed = await store.predictionOutcomes
    .find({ _id: /made\d$/ })
    .sort({ _id: 1 })
    .toArray();
  // Those of 24.1 and 12 hours ago may still see an event that comes late, or an order.
  expect(fixed.map(({ _id, outcome }) => [_id, outcome])).toEqual([
    ["main/made0", false],
    ["main/made1", false],
    ["main/made2", true],
    ["main/made3", false],
    ...["main/made6", "main/made7", "main/made8", "main/made9"].map((id) => [id, false]),
  ]);
  expect(await store.predictionOutcomes.countDocuments()).toBe(704);
  expect(await fixOutcomes({ store, findOrders }, workspace, NOW)).toBe(0);
});
