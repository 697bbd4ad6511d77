import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Experiment, ExperimentGoal } from "../../gen/intervention/v1/experiment_pb.js";
import { type Happening, measureUser, toWaitMs } from "../domain/experiment/measure-user.ts";
import { type Looks, listPlannedLooks } from "../domain/experiment/to-plan.ts";
import type { Group } from "../domain/experiment/to-report.ts";
import { UserSums } from "../domain/experiment/user-sums.ts";
import { type Store, streamOrdersOf, streamShopEventsOf, streamTouchesOf } from "../store/index.ts";
import { type Entrant, loadMerges, type Merges, walkEntrants } from "./experiment-entrants.ts";

/** What the users of an experiment add up to. */
export type ExperimentSums = {
  readonly groups: readonly Group[];
  /** All who came in, by variant. */
  readonly assigned: ReadonlyMap<string, number>;
  /** All who came in, by stratum. */
  readonly entrants: ReadonlyMap<string, number>;
  /** See `listPlannedLooks`. */
  readonly reached: Looks;
  /** Who has had several variants, by ids that were only merged later; measured in the first. */
  readonly crossedOver: number;
};

/** Who came in after this is not looked at; ms since 1970. */
type Cut = { readonly reached: Looks; readonly untilMs: number };

/** Reads who came in and what they did, a page of users after another, so that the memory it takes does not grow with them.
 *  @throws Unavailable when the store does not answer. */
export async function collectSums(
  store: Store,
  { workspaceId, experiment }: { readonly workspaceId: string; readonly experiment: Experiment },
  now: Date,
): Promise<ExperimentSums> {
  const merges = await loadMerges(store, workspaceId);
  const goals = listGoals(experiment);
  const key = { workspaceId, experimentId: experiment.experimentId };
  const nowMs = now.getTime();
  const cut = await findCut(store, { key, experiment, merges }, nowMs - toWaitMs(goals));
  const spanEndMs = toSpanEndMs(experiment, now);
  const assigned = new Map<string, number>();
  const entrants = new Map<string, number>();
  let crossedOver = 0;
  const sums = new UserSums(
    goals.map(({ goalId, winsorize }) => ({ name: goalId, winsorize: winsorize === 0 ? undefined : winsorize })),
  );
  for await (const page of walkEntrants(store, key, merges)) {
    for (const { variant, stratum, hasCrossed } of page) {
      assigned.set(variant, (assigned.get(variant) ?? 0) + 1);
      entrants.set(stratum, (entrants.get(stratum) ?? 0) + 1);
      crossedOver += Number(hasCrossed);
    }
    const measured = page.filter(({ atMs }) => atMs <= cut.untilMs);
    const happenings = await loadHappenings(store, { workspaceId, experiment, goals }, measured);
    for (const entrant of measured) {
      const span = { sinceMs: entrant.atMs, untilMs: spanEndMs };
      const done = entrant.userIds.flatMap((userId) => happenings.get(userId) ?? []);
      const values = goals.map((goal) => measureUser(goal, done, span));
      sums.add({ arm: entrant.variant, stratum: entrant.stratum, values });
    }
  }
  return { groups: sums.close(), assigned, entrants, reached: cut.reached, crossedOver };
}

/** Up to when is counted where a goal has no window: what happens after the end says nothing of the variants. */
export const toSpanEndMs = ({ stopTime }: Experiment, now: Date): number =>
  stopTime === undefined ? now.getTime() : timestampMs(stopTime);

const listGoals = ({ goals, guardrails }: Experiment): readonly ExperimentGoal[] => [
  ...goals,
  ...guardrails.flatMap(({ goal }) => goal ?? []),
];

/** Who is measured: everybody whose windows are over, or, where looks are planned, as many of the first of them as the last look that is
 *  reached is planned at. So a look is the same whenever it is asked for.
 *  @param finalMs who came in until then has come to an end in every goal. */
async function findCut(
  store: Store,
  of: {
    readonly key: { readonly workspaceId: string; readonly experimentId: string };
    readonly experiment: Experiment;
    readonly merges: Merges;
  },
  finalMs: number,
): Promise<Cut> {
  const planned = listPlannedLooks(of.experiment);
  if (planned === undefined) return { reached: undefined, untilMs: finalMs };
  const times: number[] = [];
  for await (const page of walkEntrants(store, of.key, of.merges))
    for (const { atMs } of page) if (atMs <= finalMs) times.push(atMs);
  const reached = planned.filter((users) => users <= times.length);
  const users = reached.at(-1);
  if (users === undefined) return { reached, untilMs: Number.NEGATIVE_INFINITY };
  const sorted = Float64Array.from(times).sort();
  return { reached, untilMs: sorted[users - 1] ?? Number.NEGATIVE_INFINITY };
}

/** What people did, by their ids: only of the kinds that some goal measures. */
export async function loadHappenings(
  store: Store,
  of: { readonly workspaceId: string; readonly experiment: Experiment; readonly goals: readonly ExperimentGoal[] },
  entrants: readonly Entrant[],
): Promise<ReadonlyMap<string, readonly Happening[]>> {
  const userIds = entrants.flatMap((entrant) => entrant.userIds);
  const found = new Map<string, Happening[]>();
  if (userIds.length === 0) return found;
  const whose = { workspaceId: of.workspaceId, userIds };
  const kinds = new Set(of.goals.flatMap(({ measure, dividedBy }) => [measure?.of.case, dividedBy?.of.case]));
  const { allCampaigns, campaigns } = of.experiment;
  const sources = [
    ...(kinds.has("orders") ? [streamOrdersOf(store, whose)] : []),
    ...(kinds.has("shopEvent") ? [streamShopEventsOf(store, whose)] : []),
    ...(kinds.has("event") ? [streamTouchesOf(store, whose, allCampaigns ? undefined : new Set(campaigns))] : []),
  ];
  for (const source of sources)
    for await (const { userId, happening } of source) {
      const known = found.get(userId);
      if (known === undefined) found.set(userId, [happening]);
      else known.push(happening);
    }
  return found;
}
