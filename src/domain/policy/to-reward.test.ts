import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { CostSchema, PolicySchema, type RewardSchema } from "../../../gen/intervention/v1/intervention_pb.js";
import { toReward } from "./to-reward.ts";

type Init = Extract<MessageInitShape<typeof RewardSchema>, { $typeName?: never }>;

const decidedAt = new Date("2026-06-01T12:00:00Z");
const later = (kind: string, hours: number) => ({
  kind,
  occurredAt: new Date(decidedAt.getTime() + hours * 3_600_000),
});
const euros = (micros: bigint, currency = "EUR") => create(CostSchema, { currency, micros });
const worth = { currency: "EUR", micros: 1_000_000n };

describe("the reward of a message", () => {
  test.each<[string, Init | undefined, ReturnType<typeof later>[], ReturnType<typeof euros> | undefined, number]>([
    ["is nothing when nothing happens", undefined, [], undefined, 0],
    ["is a little when it is seen", undefined, [later("displayed", 1)], undefined, 0.1],
    ["is that of the best that happens", undefined, [later("displayed", 1), later("clicked", 2)], undefined, 0.5],
    ["is whole for an order", undefined, [later("converted", 23)], undefined, 1],
    ["is nothing for what comes too late", undefined, [later("converted", 25)], undefined, 0],
    ["is nothing when it is called spam", undefined, [later("clicked", 1), later("complained", 2)], undefined, 0],
    ["is nothing when no more is wanted", undefined, [later("clicked", 1), later("unsubscribed", 2)], undefined, 0],
    ["is what the policy says", { clicked: 0.8 }, [later("displayed", 1), later("clicked", 1)], undefined, 0.8],
    ["is less by what it cost", { clicked: 0.5, worth }, [later("clicked", 1)], euros(100_000n), 0.4],
    ["is never less than nothing", { clicked: 0.5, worth }, [later("clicked", 1)], euros(900_000n), 0],
    [
      "is whole when costs are another currency's",
      { clicked: 0.5, worth },
      [later("clicked", 1)],
      euros(1n, "USD"),
      0.5,
    ],
  ])("%s", (_, reward, happened, cost, expected) => {
    const policy = create(PolicySchema, { channelChoice: reward === undefined ? {} : { reward } });
    expect(toReward(policy, { decidedAt, cost }, happened)).toBeCloseTo(expected, 12);
  });
});
