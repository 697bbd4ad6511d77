import { clone, create, equals } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { type Experiment, ExperimentSchema, ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import type { Bus } from "../bus/index.ts";
import { AlreadyExists, NotAllowedNow, NotFound, StaleEtag, Unavailable } from "../domain/errors.ts";
import { isOpen } from "../domain/experiment/experiment-moves.ts";
import {
  findExperiment,
  insertExperiment,
  listExperiments,
  replaceExperiment,
  type Store,
  toExperiment,
  toPosition,
} from "../store/index.ts";

/** The fields of an experiment that its caller sets. */
export type ExperimentFields = Pick<
  Experiment,
  | "displayName"
  | "campaigns"
  | "allCampaigns"
  | "variants"
  | "control"
  | "salt"
  | "traffic"
  | "layer"
  | "stratifyBy"
  | "goals"
  | "guardrails"
  | "method"
  | "plannedUsers"
  | "autoPromotion"
  | "adaptive"
>;

/** What keeping experiments stands on. */
export type ExperimentKeeperParts = {
  readonly store: Store;
  readonly bus: Bus;
  readonly log: Logger;
  readonly now: () => Date;
};

/** To start one, all of a workspace's are read. */
const EXPERIMENTS_MAX = 1_000;
/** Others may change the same experiment; each time one of them gets through. */
const ATTEMPTS_MAX = 10;

/** Keeps experiments, and tells whoever holds them in memory. */
export class ExperimentKeeper {
  readonly #parts: ExperimentKeeperParts;

  constructor(parts: ExperimentKeeperParts) {
    this.#parts = parts;
  }

  /** @throws NotFound when this workspace has no such experiment. */
  async get(workspaceId: string, experimentId: string): Promise<Experiment> {
    const found = await findExperiment(this.#parts.store, { workspaceId, experimentId });
    if (found === undefined) throw new NotFound("experiment", experimentId);
    return found;
  }

  /** Those that users may be in. */
  async listOpen(workspaceId: string): Promise<Experiment[]> {
    return (await this.#all(workspaceId)).filter(({ state }) => isOpen(state));
  }

  /** Makes a draft; one that is there already, with the same to say, is returned as it is.
   *  @throws AlreadyExists when another has its id; NotAllowedNow when there are too many. */
  async add(workspaceId: string, experimentId: string, fields: ExperimentFields): Promise<Experiment> {
    const { now, store } = this.#parts;
    const at = now();
    const experiment = create(ExperimentSchema, {
      ...fields,
      salt: fields.salt || experimentId,
      ...{ name: `workspaces/${workspaceId}/experiments/${experimentId}`, experimentId, state: ExperimentState.DRAFT },
      ...{ createTime: timestampFromDate(at), updateTime: timestampFromDate(at) },
    });
    const known = await this.#all(workspaceId);
    if (known.length >= EXPERIMENTS_MAX && !known.some((one) => one.experimentId === experimentId))
      throw new NotAllowedNow(
        "EXPERIMENTS",
        workspaceId,
        `there are ${known.length} experiments; up to ${EXPERIMENTS_MAX} are kept`,
      );
    const position = toPosition(at, experimentId);
    await insertExperiment(store, { workspaceId, position, updatedAt: at, experiment });
    const found = await this.get(workspaceId, experimentId);
    if (!isSame(found, experiment)) throw new AlreadyExists("experiment", experimentId);
    return found;
  }

  /** Changes an experiment.
   *  @param etag which it must have; empty for any. @param edit may throw; nothing is changed then.
   *  @throws NotFound, StaleEtag. */
  async change(
    workspaceId: string,
    experimentId: string,
    etag: string,
    edit: (experiment: Experiment) => void | Promise<void>,
  ): Promise<Experiment> {
    const { now, store } = this.#parts;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const before = await this.get(workspaceId, experimentId);
      if (etag !== "" && etag !== before.etag) throw new StaleEtag(before.name);
      const experiment = clone(ExperimentSchema, before);
      await edit(experiment);
      if (equals(ExperimentSchema, before, experiment)) return before;
      const at = now();
      experiment.updateTime = timestampFromDate(at);
      const replaced = await replaceExperiment(store, { workspaceId, experiment, updatedAt: at });
      if (replaced === undefined) continue;
      this.#tell();
      return replaced;
    }
    throw new Unavailable("store", { cause: new Error(`${experimentId} was changed by others ${ATTEMPTS_MAX} times`) });
  }

  async #all(workspaceId: string): Promise<Experiment[]> {
    return (await listExperiments(this.#parts.store, { workspaceId, limit: EXPERIMENTS_MAX })).map(toExperiment);
  }

  /** Whoever misses it looks for himself within a second. */
  #tell(): void {
    const { bus, log } = this.#parts;
    try {
      bus.nc.publish(bus.subjects.experimentsChanged);
    } catch (error) {
      log.warn(
        { event: "change_not_told", err: error },
        "that an experiment has changed could not be told: it is found later",
      );
    }
  }
}

const withoutTimes = ({ createTime: _, updateTime: __, ...experiment }: Experiment) =>
  create(ExperimentSchema, { ...experiment, etag: "" });
/** Whether two were made with the same to say. */
const isSame = (one: Experiment, other: Experiment) => equals(ExperimentSchema, withoutTimes(one), withoutTimes(other));
