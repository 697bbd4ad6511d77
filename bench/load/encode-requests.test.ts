import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { TriggerBatchRequestSchema, TriggerRequestSchema } from "../../gen/intervention/v1/intervention_service_pb.js";
import { encodeRequests, userOf } from "./encode-requests.ts";
import { intendedMs, numberOf, numberOfPrediction, predictionIdOf } from "./messages.ts";

describe("the load", () => {
  it("has every number once, the last batch cut short", () => {
    const bodies = encodeRequests({ from: -10, to: 25, batch: 10, users: 4, run: "r" });
    const numbers = bodies.map((body) =>
      fromBinary(TriggerBatchRequestSchema, body).requests.map(({ content }) => numberOf(content?.title ?? "")),
    );
    expect(numbers.map(({ length }) => length)).toEqual([10, 10, 10, 5]);
    expect(numbers.flat()).toEqual(Array.from({ length: 35 }, (_, i) => i - 10));
  });

  it("is plain Trigger calls when nothing is put together", () => {
    const [first] = encodeRequests({ from: 0, to: 1, batch: 1, users: 4, run: "r" });
    expect(fromBinary(TriggerRequestSchema, first ?? new Uint8Array())).toMatchObject({
      idempotencyKey: "r-0",
      recipient: { userId: "user-0" },
    });
  });

  it("carries its numbers there and back, and makes none of what has none", () => {
    expect([-3, 0, 17].map((n) => numberOfPrediction(predictionIdOf(n)))).toEqual([-3, 0, 17]);
    expect([numberOf("Offer"), numberOf("Thank you"), numberOfPrediction("")]).toEqual([NaN, NaN, NaN]);
  });

  it("goes to everybody in turn, the warm-up too", () => {
    expect([-5, -1, 0, 3, 4].map((n) => userOf(n, 4))).toEqual(["user-3", "user-3", "user-0", "user-3", "user-0"]);
  });

  it("is due at its rate, all of a batch at once, the warm-up before the start", () => {
    const schedule = { startMs: 1_000, rate: 100, batch: 10 };
    expect([-10, -1, 0, 9, 10, 100].map((n) => intendedMs(schedule, n))).toEqual([
      900, 900, 1_000, 1_000, 1_100, 2_000,
    ]);
  });
});
