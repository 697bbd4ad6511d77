import { describe, expect, it } from "vitest";
import type { LoggedChoice } from "../policy/evaluate-choices.ts";
import { bestByGroup } from "./best-by-group.ts";

const arms = ["plain", "bold", "warm"];
const choice = (segment: string, arm: string, reward: number): LoggedChoice<string> => ({
  ...{ segment, arms, reward, probabilities: arms.map(() => 1 / 3), action: arms.indexOf(arm) },
});
const chosenIn = (seen: readonly LoggedChoice<string>[], segment: string) => {
  const row = bestByGroup(seen)(choice(segment, "plain", 0));
  expect(row.reduce((sum, share) => sum + share, 0)).toBe(1);
  return arms[row.indexOf(1)];
};

describe("what did best in a group", () => {
  const seen = [
    ...[choice("gold", "plain", 1), choice("gold", "plain", 0), choice("gold", "bold", 0)],
    ...[choice("rest", "plain", 0), choice("rest", "bold", 1), choice("rest", "bold", 1)],
  ];

  it("is by the mean there, and among all where nothing is known of a group", () => {
    expect([chosenIn(seen, "gold"), chosenIn(seen, "rest"), chosenIn(seen, "new")]).toEqual(["plain", "bold", "bold"]);
  });

  it("is none that nobody has had, also where rewards are negative", () => {
    expect(chosenIn([choice("gold", "bold", -3), choice("gold", "warm", -2)], "gold")).toBe("warm");
  });
});
