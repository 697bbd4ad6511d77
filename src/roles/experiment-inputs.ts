import { create, type JsonObject } from "@bufbuild/protobuf";
import type { InterventionMessage } from "../../gen/intervention/v1/bus_pb.js";
import {
  type Experiment,
  type ExperimentInput,
  ExperimentInput_ShareSchema,
  ExperimentInputSchema,
  ExperimentState,
} from "../../gen/intervention/v1/experiment_pb.js";
import { Purpose } from "../../gen/intervention/v1/profile_pb.js";
import { applyTreatments } from "../domain/experiment/apply-treatment.ts";
import { currentShares, toContext } from "../domain/experiment/current-shares.ts";
import { toAssignment } from "../domain/experiment/to-assignment.ts";
import { toPermitted } from "../domain/profile/permitted-channels.ts";
import { fromRegistersText } from "../domain/profile/registers.ts";
import { toAttributes } from "../domain/profile/to-profile.ts";
import type { ExperimentDirectory } from "../integrations/experiment-directory.ts";
import { experimentKey, findExposures, findProfiles, profileId, type Store } from "../store/index.ts";
import type { LoadedProfile } from "./profile-loader.ts";

/** What finding out about experiments stands on. */
export type ExperimentParts = {
  readonly store: Store;
  /** Default: there are none. */
  readonly experiments?: Pick<ExperimentDirectory, "listOf">;
};

type Work = { readonly message: InterventionMessage };
type Asked = Work & { readonly profile: LoadedProfile };
type InExperiments = Asked & { readonly experiments: readonly Experiment[] };

/** Works with the treatments of their users' variants in their messages, and the experiments these are of. Of a campaign that is in none
 *  it is the work itself, and nothing is read. A later round is as the first one was: what has changed since moves nobody. */
export async function treatAll<T extends Work>(
  { store, experiments: directory }: ExperimentParts,
  works: readonly T[],
  profileOf: (work: T) => LoadedProfile,
): Promise<readonly T[]> {
  const split = works.flatMap((work): InExperiments[] => {
    const experiments = listExperiments(directory, work.message);
    return experiments.length === 0 ? [] : [{ message: work.message, profile: profileOf(work), experiments }];
  });
  const inputsOf = await assignAll(store, split);
  return works.map((work) => withTreatments(work, inputsOf.get(work.message) ?? work.message.experiments));
}

/** A work with what was decided of it in experiments; the work itself where there is nothing. */
export function withTreatments<T extends Work>(work: T, experiments: readonly ExperimentInput[]): T {
  if (experiments.length === 0) return work;
  return { ...work, message: { ...applyTreatments(work.message, experiments), experiments } };
}

async function assignAll(
  store: Store,
  split: readonly InExperiments[],
): Promise<ReadonlyMap<InterventionMessage, readonly ExperimentInput[]>> {
  const assigned = new Map<InterventionMessage, readonly ExperimentInput[]>();
  if (split.length === 0) return assigned;
  const [earlierOf, attributesOf] = await Promise.all([loadEarlier(store, split), loadAttributes(store, split)]);
  for (const one of split) {
    const inputs: ExperimentInput[] = [];
    for (const experiment of one.experiments) {
      const input = toInput(experiment, one, { earlier: earlierOf(experiment, one), attributes: attributesOf(one) });
      inputs.push(input);
      // Who gets nothing is in no further experiment.
      if (toAssignment(input).assignment.holdout) break;
    }
    assigned.set(one.message, inputs);
  }
  return assigned;
}

/** Those that a message is asked of: in its first round, and not of a test of a template. */
function listExperiments(
  directory: ExperimentParts["experiments"],
  { workspace, campaign, round, experiments, rendered, policy }: InterventionMessage,
): readonly Experiment[] {
  if (directory === undefined || campaign === "" || round > 0 || experiments.length > 0 || rendered !== undefined)
    return [];
  const found = directory.listOf(workspace, campaign);
  // What a user has to be told is nobody's experiment to keep from him.
  return policy?.purpose === Purpose.SERVICE ? found.filter(({ allCampaigns }) => !allCampaigns) : found;
}

function toInput(
  experiment: Experiment,
  { message, profile }: Asked,
  known: { readonly earlier: string; readonly attributes: JsonObject },
): ExperimentInput {
  const { experimentId, layer, salt, state, traffic = 1, variants } = experiment;
  const stratum = toStratum(experiment, known.attributes);
  const weights =
    experiment.adaptive === undefined
      ? variants.map(({ weight }) => weight)
      : currentShares(experiment, toContext(Object.values(stratum.attributes ?? {}).slice(1)));
  const input = create(ExperimentInputSchema, {
    experiment: experimentId,
    userId: profile.survivingUserId,
    earlierVariant: known.earlier,
    paused: state === ExperimentState.PAUSED,
    permitted: isPermitted(experiment, message, profile),
    ...{ salt, traffic },
    ...(layer && { layer }),
    shares: variants.map(({ variantId, holdout }, index) =>
      create(ExperimentInput_ShareSchema, { variantId, weight: weights[index] ?? 0, holdout }),
    ),
    ...stratum,
  });
  const { variant } = toAssignment(input).assignment;
  const treatment = variants.find(({ variantId }) => variantId === variant)?.treatment;
  if (treatment !== undefined) input.treatment = treatment;
  return input;
}

/** What users are told apart by: attributes, and where shares change, before them the allocation that they come in under. */
function toStratum(
  { adaptive, allocations, stratifyBy }: Experiment,
  attributes: JsonObject,
): { readonly attributes?: JsonObject } {
  if (adaptive === undefined && stratifyBy.length === 0) return {};
  const own = stratifyBy.map((name) => [name, attributes[name] ?? null] as const);
  const first = adaptive === undefined ? [] : [["@allocation", allocations.length] as const];
  return { attributes: Object.fromEntries([...first, ...own]) };
}

/** Whether the user permits a channel of any variant: asked of all of them, so that who is in does not depend on the draw. */
function isPermitted({ variants }: Experiment, message: InterventionMessage, { snapshot, contacts }: LoadedProfile) {
  const profile = { ...snapshot, consents: [...snapshot.consents, ...contacts.consents] };
  return variants.some((variant) => {
    const { policy } = applyTreatments(message, [variant]);
    return toPermitted({ profile, ...(policy && { policy }) }).permitted.length > 0;
  });
}

/** What users have had before, under any of their ids: the first that they had. */
async function loadEarlier(store: Store, split: readonly InExperiments[]) {
  const keyOf = (experiment: Experiment, { message }: Asked) =>
    experimentKey(message.workspace, experiment.experimentId);
  const keys = split.flatMap((one) =>
    one.experiments.flatMap((experiment) =>
      one.profile.userIds.map((userId) => ({ experiment: keyOf(experiment, one), userId })),
    ),
  );
  const found = Map.groupBy(await findExposures(store, keys), ({ experiment }) => experiment);
  return (experiment: Experiment, one: Asked): string => {
    const own = (found.get(keyOf(experiment, one)) ?? []).filter(({ userId }) => one.profile.userIds.includes(userId));
    const first = own.reduce<(typeof own)[number] | undefined>(
      (earliest, exposure) => (earliest === undefined || exposure.at < earliest.at ? exposure : earliest),
      undefined,
    );
    return first?.variant ?? "";
  };
}

/** The attributes of users, where an experiment stratifies by any. */
async function loadAttributes(store: Store, split: readonly InExperiments[]) {
  const wanted = split.filter(({ experiments }) => experiments.some(({ stratifyBy }) => stratifyBy.length > 0));
  const whoOf = ({ message, profile }: Asked) => ({ workspaceId: message.workspace, userId: profile.survivingUserId });
  const profiles = await findProfiles(store, wanted.map(whoOf));
  return (asked: Asked): JsonObject => {
    const { workspaceId, userId } = whoOf(asked);
    const profile = profiles.get(profileId(workspaceId, userId));
    return profile === undefined ? {} : toAttributes(fromRegistersText(profile.registers));
  };
}
