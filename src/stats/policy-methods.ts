import { z } from "zod";
import { type Estimate, evaluateOffPolicy, type LoggedRound } from "../domain/policy/off-policy-evaluation.ts";
import { expectedPurchases, probabilityAlive } from "../domain/statistics/bg-nbd.ts";
import { fitBgNbd } from "../domain/statistics/fit-bg-nbd.ts";
import type { Methods } from "./methods.ts";
import { alpha, count, parseInput, positive, real } from "./parse-input.ts";

/** How far a policy's probabilities may be from summing to 1, by rounding. */
const rowTolerance = 1e-9;

/** The columns as rounds. One value alone has no deviation: two rounds at least. */
const roundsInput = z
  .object({
    actions: z.array(count).min(2),
    rewards: z.array(real),
    propensities: z.array(z.number().gt(0).lte(1)),
    target: z.array(
      z
        .array(
          z
            .number()
            .min(0)
            .max(1 + rowTolerance),
        )
        .min(1),
    ),
    reward_model: z.array(z.array(real)),
    alpha,
  })
  .transform(({ actions, rewards, propensities, target, reward_model: models, alpha }, context) => {
    const wrong = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
    const lists = { rewards, propensities, target, reward_model: models };
    for (const [name, list] of Object.entries(lists)) {
      if (list.length !== actions.length) wrong([name], `has ${list.length} rounds, actions has ${actions.length}`);
    }
    const width = target[0]?.length ?? 0;
    const rounds = actions.map((action, i): LoggedRound => {
      const row = target[i] ?? [];
      const rewardModel = models[i] ?? [];
      if (action >= width) wrong(["actions", i], `${action} is none of the ${width} actions`);
      if (row.length !== width) wrong(["target", i], `has ${row.length} actions, the first row ${width}`);
      if (rewardModel.length !== width)
        wrong(["reward_model", i], `has ${rewardModel.length} actions, target ${width}`);
      const sum = row.reduce((total, probability) => total + probability, 0);
      if (Math.abs(sum - 1) > rowTolerance) wrong(["target", i], `sums to ${sum}, not to 1`);
      return { action, reward: rewards[i] ?? 0, propensity: propensities[i] ?? 1, target: row, rewardModel };
    });
    return { rounds, alpha };
  });

const customer = z
  .object({ frequency: count, recency: z.number().min(0), T: z.number().min(0) })
  .refine(({ recency, T }) => recency <= T, { path: ["recency"], message: "is later than T" })
  .transform(({ frequency, recency, T }) => ({ x: frequency, tX: recency, T }));

const horizon = z.object({ r: positive, alpha: positive, a: positive, b: positive, t: z.number().min(0) });

const rowsInput = z.object({
  rows: z
    .array(
      z
        .tuple([count, z.number().min(0), z.number().min(0), count])
        .refine(([, recency, T]) => recency <= T, { message: "its recency is later than its T" })
        .transform(([x, tX, T, customers]) => ({ x, tX, T, customers })),
    )
    .min(1),
});

/** Policies looked at afterwards, and repeat buying, under the field names of the reference vectors. */
export const POLICY_METHODS: Methods = {
  off_policy_evaluation: (input) => {
    const { rounds, alpha } = parseInput(roundsInput, input);
    const { ips, snips, dm, dr } = evaluateOffPolicy(rounds, alpha);
    return { ips: toFields(ips), snips: toFields(snips), dm: toFields(dm), dr: toFields(dr) };
  },
  bg_nbd_predict: (input) => {
    const history = parseInput(customer, input);
    const { t, ...parameters } = parseInput(horizon, input);
    return {
      p_alive: probabilityAlive(parameters, history),
      expected_purchases: expectedPurchases(parameters, history, t),
    };
  },
  bg_nbd_fit: (input) => {
    const { parameters, logLikelihood } = fitBgNbd(parseInput(rowsInput, input).rows);
    return { ...parameters, log_likelihood: logLikelihood };
  },
};

function toFields({ value, standardError, low, high }: Estimate) {
  return { value, standard_error: standardError, ci_low: low, ci_high: high };
}
