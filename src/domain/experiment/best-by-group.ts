import type { LoggedChoice, Target } from "../policy/evaluate-choices.ts";

/** Gives each group the arm that did best in it, by mean reward; a group of which nothing is known, what did best among all. An arm
 *  that nobody has had in a group is not taken there. */
export function bestByGroup(seen: readonly LoggedChoice<string>[]): Target<string> {
  const all = toMeans(seen);
  const bySegment = new Map(
    [...Map.groupBy(seen, ({ segment }) => segment)].map(([key, some]) => [key, toMeans(some)]),
  );
  return ({ arms, segment }) => {
    const means = bySegment.get(segment) ?? all;
    const of = (arm: string) => means.get(arm) ?? Number.NEGATIVE_INFINITY;
    const best = arms.reduce((first, arm, index) => (of(arm) > of(arms[first] ?? "") ? index : first), 0);
    return arms.map((_, index) => Number(index === best));
  };
}

function toMeans(choices: readonly LoggedChoice<string>[]): ReadonlyMap<string, number> {
  const byArm = Map.groupBy(choices, ({ action, arms }) => arms[action] ?? "");
  return new Map(
    [...byArm].map(([arm, some]) => [arm, some.reduce((sum, { reward }) => sum + reward, 0) / some.length]),
  );
}
