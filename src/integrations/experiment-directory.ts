import type { Subscription } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { type Experiment, ExperimentState } from "../../gen/intervention/v1/experiment_pb.js";
import type { Bus } from "../bus/index.ts";
import { isOpen } from "../domain/experiment/experiment-moves.ts";
import { type ExperimentDocument, listExperimentsChanged, type Store, toExperiment } from "../store/index.ts";
import { KeptFresh } from "./kept-fresh.ts";

/** Clocks of the processes that change experiments may differ by so much. */
const OVERLAP_MS = 60_000;
const NONE: readonly Experiment[] = [];

/** Every experiment that users may be in, kept in memory: told of changes at once, and looking for them each second, since the word of
 *  one may be lost. */
export class ExperimentDirectory {
  readonly #store: Store;
  readonly #fresh: KeptFresh;
  readonly #told: Subscription;
  readonly #etags = new Map<string, string>();
  /** By workspace, then by the document's id. */
  readonly #open = new Map<string, Map<string, Experiment>>();
  #seenUntil = new Date(0);

  private constructor({ store, bus, log }: { store: Store; bus: Bus; log: Logger }) {
    this.#store = store;
    this.#fresh = new KeptFresh({
      refresh: () => this.#refresh(),
      onStale: (error) =>
        log.warn(
          { event: "experiments_stale", err: error },
          "experiments can't be read at the moment: what was known stays in force",
        ),
    });
    this.#told = bus.nc.subscribe(bus.subjects.experimentsChanged, { callback: () => void this.#fresh.now() });
  }

  static async start(parts: { store: Store; bus: Bus; log: Logger }): Promise<ExperimentDirectory> {
    const directory = new ExperimentDirectory(parts);
    await directory.#refresh();
    return directory;
  }

  stop(): void {
    this.#fresh.stop();
    this.#told.unsubscribe();
  }

  /** Those that a campaign is in, those of all campaigns first; the rest in the order of their ids. */
  listOf(workspaceId: string, campaign: string): readonly Experiment[] {
    const open = this.#open.get(workspaceId);
    if (open === undefined) return NONE;
    return [...open.values()]
      .filter(({ allCampaigns, campaigns }) => allCampaigns || campaigns.includes(campaign))
      .sort((a, b) => Number(b.allCampaigns) - Number(a.allCampaigns) || (a.experimentId < b.experimentId ? -1 : 1));
  }

  /** Those of a workspace that assign users. */
  listRunning(workspaceId: string): readonly Experiment[] {
    const open = this.#open.get(workspaceId);
    return open === undefined ? NONE : [...open.values()].filter(({ state }) => state === ExperimentState.RUNNING);
  }

  async #refresh(): Promise<void> {
    const since = new Date(Math.max(0, this.#seenUntil.getTime() - OVERLAP_MS));
    for (const document of await listExperimentsChanged(this.#store, since)) {
      if (document.updatedAt > this.#seenUntil) this.#seenUntil = document.updatedAt;
      if (this.#etags.get(document._id) !== document.etag) this.#take(document);
    }
  }

  #take(document: ExperimentDocument): void {
    const { workspaceId, _id } = document;
    this.#etags.set(_id, document.etag);
    const experiment = toExperiment(document);
    const open = this.#open.get(workspaceId) ?? new Map<string, Experiment>();
    if (isOpen(experiment.state)) open.set(_id, experiment);
    else open.delete(_id);
    if (open.size > 0) this.#open.set(workspaceId, open);
    else this.#open.delete(workspaceId);
  }
}
