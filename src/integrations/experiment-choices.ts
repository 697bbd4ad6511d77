import type { Experiment } from "../../gen/intervention/v1/experiment_pb.js";
import { currentShares, parseStratum } from "../domain/experiment/current-shares.ts";
import { measureUser, toWaitMs } from "../domain/experiment/measure-user.ts";
import type { LoggedChoice } from "../domain/policy/evaluate-choices.ts";
import type { Store } from "../store/index.ts";
import { type Entrant, loadMerges, walkEntrants } from "./experiment-entrants.ts";
import { loadHappenings, toSpanEndMs } from "./experiment-sums.ts";

/** A variant that was drawn for a user, with what came of it. */
export type VariantChoice = LoggedChoice<string> & { readonly userId: string };

/** Users looked at. They are met in order of a hash of their ids, so that the first of them are a fair sample. */
const CHOICES_MAX = 20_000;

/** What was drawn for the users of an experiment, holdouts aside, and what they came to in its first goal: only of those whose window is
 *  over. More is better: of a goal of which less is, it is the negative.
 *  @throws Unavailable when the store does not answer. */
export async function collectChoices(
  store: Store,
  { workspaceId, experiment }: { readonly workspaceId: string; readonly experiment: Experiment },
  now: Date,
): Promise<{ readonly choices: readonly VariantChoice[]; readonly isCut: boolean }> {
  const [goal] = experiment.goals;
  const choices: VariantChoice[] = [];
  if (goal === undefined) return { choices, isCut: false };
  const goals = [goal];
  const merges = await loadMerges(store, workspaceId);
  const finalMs = now.getTime() - toWaitMs(goals);
  const untilMs = toSpanEndMs(experiment, now);
  const toChoice = toChoiceOf(experiment);
  for await (const page of walkEntrants(store, { workspaceId, experimentId: experiment.experimentId }, merges)) {
    const measured = page.filter(({ atMs }) => atMs <= finalMs);
    const happenings = await loadHappenings(store, { workspaceId, experiment, goals }, measured);
    for (const entrant of measured) {
      const done = entrant.userIds.flatMap((userId) => happenings.get(userId) ?? []);
      const { value, denominator = 1 } = measureUser(goal, done, { sinceMs: entrant.atMs, untilMs });
      const amount = denominator === 0 ? 0 : value / denominator;
      const choice = toChoice(entrant, goal.lowerIsBetter ? -amount : amount);
      if (choice !== undefined) choices.push(choice);
    }
    if (choices.length >= CHOICES_MAX) return { choices: choices.slice(0, CHOICES_MAX), isCut: true };
  }
  return { choices, isCut: false };
}

/** @returns what makes a choice of an entrant; undefined of one who was held out. */
function toChoiceOf({ adaptive, allocations, variants }: Experiment) {
  const treated = variants.flatMap(({ holdout }, index) => (holdout ? [] : [index]));
  const arms = treated.map((index) => variants[index]?.variantId ?? "");
  return ({ stratum, userIds, variant }: Entrant, reward: number): VariantChoice | undefined => {
    const action = arms.indexOf(variant);
    if (action < 0) return undefined;
    // Of an experiment whose shares stay, the stratum is the group.
    const known = adaptive === undefined ? { allocation: 0, context: stratum } : parseStratum(stratum);
    const shares = currentShares({ variants, allocations: allocations.slice(0, known.allocation) }, known.context);
    const left = treated.reduce((sum, index) => sum + (shares[index] ?? 0), 0);
    const probabilities = treated.map((index) => (shares[index] ?? 0) / left);
    return { segment: known.context, arms, probabilities, action, reward, userId: userIds[0] ?? "" };
  };
}
