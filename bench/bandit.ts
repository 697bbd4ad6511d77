import { regretBound } from "../src/domain/policy/regret-bound.ts";
import { simulateBandit } from "./simulate-bandit.ts";

export type BanditBench = { readonly rounds: number; readonly runs: number; readonly say: (line: string) => void };

/** Displayed, clicked and converted of four channels, say: near enough to each other to be work. */
const rates = [0.05, 0.12, 0.2, 0.08];
const points = 40;
const barWidth = 60;

/** Lets the bandit learn channels of known rates, some runs with seeds of their own, and compares what it loses with the least possible.
 *  The plot goes to `say`: # is the regret, | the bound. */
export function benchBandit({ rounds, runs, say }: BanditBench) {
  const batch = Math.max(1, Math.ceil(rounds / 400));
  const results = Array.from({ length: runs }, (_, seed) =>
    simulateBandit({ ratesAt: () => rates, rounds, batch, halfLife: Number.POSITIVE_INFINITY, seed }),
  );
  const [first] = results;
  const steps = (first?.regret ?? []).map(({ rounds: at }, index) => ({
    rounds: at,
    regret: results.reduce((sum, { regret }) => sum + (regret[index]?.lost ?? 0), 0) / runs,
    bound: regretBound(rates, at),
  }));
  const every = Math.max(1, Math.floor(steps.length / points));
  const curve = steps.filter((_, index) => (index + 1) % every === 0);
  const most = Math.max(...curve.map(({ regret, bound }) => Math.max(regret, bound)));
  for (const { rounds: at, regret, bound } of curve) {
    const bar = "#".repeat(Math.round((barWidth * regret) / most)).padEnd(barWidth + 1);
    const mark = Math.round((barWidth * bound) / most);
    say(`${String(at).padStart(8)} ${bar.slice(0, mark)}|${bar.slice(mark + 1)} ${regret.toFixed(1)}`);
  }
  const last = steps.at(-1);
  const tenth = steps[Math.floor(steps.length / 10) - 1];
  const tail = Math.ceil(rounds / 10);
  const best = rates.indexOf(Math.max(...rates));
  const tails = results.flatMap(({ taken }) => taken.slice(-tail));
  const round = (value: number, digits: number) => Number(value.toFixed(digits));
  return {
    rounds,
    runs,
    regret: round(last?.regret ?? 0, 1),
    bound: round(last?.bound ?? 0, 1),
    // The bound is one on growth by ln(rounds), so that this ratio says more: how much was lost since a tenth of the rounds.
    growth_ratio: round(grown(tenth, last, "regret") / grown(tenth, last, "bound"), 2),
    best_share: round(tails.filter((arm) => arm === best).length / tails.length, 4),
    evenly: round(rounds * (Math.max(...rates) - rates.reduce((a, b) => a + b, 0) / rates.length), 0),
  };
}

type Step = { readonly regret: number; readonly bound: number };

function grown(from: Step | undefined, to: Step | undefined, of: keyof Step): number {
  return (to?.[of] ?? 0) - (from?.[of] ?? 0);
}
