import { describe, expect, it, test } from "vitest";
import { evaluateChoices, type LoggedChoice } from "./evaluate-choices.ts";

const choice = (
  action: number,
  reward: number,
  probabilities: readonly number[] = [0.5, 0.5],
): LoggedChoice<string> => ({
  ...{ segment: "all", arms: ["inbox", "email"], action, reward, probabilities },
});
const many = (count: number, one: LoggedChoice<string>) => Array.from({ length: count }, () => one);
const always = (arm: number) => () => [0, 1].map((index) => (index === arm ? 1 : 0));

describe("choices that were logged", () => {
  it("amount to half as many for a policy that makes half of them", () => {
    const log = [...many(100, choice(0, 1)), ...many(100, choice(1, 0))];
    const found = evaluateChoices(log, always(0), 0.05);
    expect(found).toMatchObject({ loggedMean: 0.5, effectiveSampleSize: 100, warnings: [] });
    expect(found.estimates?.ips.value).toBe(1);
    expect(found.estimates?.snips.value).toBe(1);
  });

  test.each([
    ["are too few", [choice(0, 1), choice(1, 0)], /^only 2 decisions/],
    [
      "tell little of a policy that hardly ever made them",
      [...many(990, choice(0, 0, [0.99, 0.01])), ...many(10, choice(1, 1, [0.99, 0.01]))],
      /^the policies differ much: 1000 decisions tell as much as 10 /,
    ],
    [
      "rest on one that weighs as much as many",
      [...many(999, choice(0, 0, [0.99, 0.01])), choice(1, 1, [0.99, 0.01])],
      /^one decision weighs 100 times/,
    ],
    [
      "tell nothing of a channel that was never drawn",
      [...many(100, choice(0, 0, [1, 0])), ...many(100, choice(1, 1))],
      /^at 100 of 200 decisions it might take a channel that was never drawn/,
    ],
  ])("%s, and it is said", (_, log, warning) => {
    const { warnings } = evaluateChoices(log, always(1), 0.05);
    expect(
      warnings.some((text) => warning.test(text)),
      warnings.join("\n"),
    ).toBe(true);
  });

  it("tell nothing of a policy that made none of them", () => {
    const log = many(200, choice(0, 1, [1, 0]));
    expect(evaluateChoices(log, always(1), 0.05)).toMatchObject({ estimates: undefined, effectiveSampleSize: 0 });
  });
});
