import type { ArmSums, MetricSums } from "./experiment-plan.ts";
import { toVariance } from "./moments.ts";
import { addArms } from "./user-sums.ts";

/** Users of one arm and one group who came in under one allocation, added up. */
export type AllocationGroup = {
  readonly arm: string;
  readonly allocation: number;
  /** Those who got shares of their own. Default: nobody did. */
  readonly context?: string | undefined;
  readonly sums: ArmSums;
};

/** Below it an arm's variance under an allocation is a guess: such allocations are taken together with those before them. */
const USERS_MIN = 20;

/** Arms as if every allocation had given them the same share. When shares change, an arm has more of its users from some times than
 *  another has, and what changed with time would look like an effect of the arm. Within an allocation shares are constant, so that
 *  means there are comparable; they are weighed by all users who came in under it (post-stratification), and the sums returned have
 *  that mean and that standard error.
 *  Assumes that an allocation was decided on what was known before it, as a Thompson allocation is.
 *  Source: W. G. Cochran, Sampling Techniques (1977), §5A.9; for changing shares: R. Kohavi, D. Tang, Y. Xu, Trustworthy Online
 *  Controlled Experiments (2020), ch. 3, Simpson's paradox. */
export function poolAllocations(groups: readonly AllocationGroup[], arms: readonly string[]): ArmSums[] {
  const cells = toCells(groups, arms);
  const usersOf = (cell: readonly ArmSums[]) => cell.reduce((sum, { users }) => sum + users, 0);
  const total = cells.reduce((sum, cell) => sum + usersOf(cell), 0);
  return arms.map((name, index) => {
    const parts = cells.flatMap((cell) => {
      const part = cell[index];
      return part === undefined ? [] : [{ part, weight: usersOf(cell) / total }];
    });
    const users = parts.reduce((sum, { part }) => sum + part.users, 0);
    const metrics = new Set(parts.flatMap(({ part }) => Object.keys(part.metrics)));
    return {
      name,
      users,
      metrics: Object.fromEntries([...metrics].map((metric) => [metric, pool(metric, users, parts)])),
    };
  });
}

type Part = { readonly part: ArmSums; readonly weight: number };

function pool(metric: string, users: number, parts: readonly Part[]): MetricSums {
  let mean = 0;
  let error = 0;
  for (const { part, weight } of parts) {
    const { sum = 0, sumSquares = sum } = part.metrics[metric] ?? {};
    const { users: n } = part;
    if (n === 0) continue;
    mean += (weight * sum) / n;
    const variance = n < 2 ? 0 : toVariance({ n, sum, sumSquares, path: `arms.${part.name}.metrics.${metric}` });
    error += (weight * weight * variance) / n;
  }
  // Sums of as many users whose mean and variance come to these.
  return { sum: users * mean, sumSquares: (users - 1) * error * users + users * mean * mean };
}

/** Group by group in order of the allocations, each with enough users in every arm; those at the end that have not are in the last. */
function toCells(groups: readonly AllocationGroup[], arms: readonly string[]): ArmSums[][] {
  const orderOf = ({ allocation, context = "" }: AllocationGroup) =>
    `${context} ${String(allocation).padStart(6, "0")}`;
  const byAllocation = Map.groupBy(groups, orderOf);
  const cells: ArmSums[][] = [];
  let open: ArmSums[] = [];
  const merge = (one: readonly ArmSums[], other: readonly ArmSums[]) =>
    arms.map((name) =>
      addArms(
        [...one, ...other].filter((arm) => arm.name === name),
        name,
      ),
    );
  for (const [, some] of [...byAllocation].sort(([a], [b]) => (a < b ? -1 : 1))) {
    open = merge(
      open,
      some.map(({ sums }) => sums),
    );
    if (open.some(({ users }) => users < USERS_MIN)) continue;
    cells.push(open);
    open = [];
  }
  const last = cells.pop();
  if (last === undefined) return open.length === 0 ? [] : [open];
  return [...cells, open.length === 0 ? last : merge(last, open)];
}
