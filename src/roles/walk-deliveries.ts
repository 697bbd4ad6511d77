import type { Logger } from "pino";
import { type Bus, countPutOff, findOldestWaitingMs, PackedPublisher, toDispatchItem } from "../bus/index.ts";
import { OUTSIDE_CHANNELS } from "../domain/delivery/channel-names.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import type { Metrics } from "../observe/index.ts";
import {
  advanceCheckpoint,
  type DecisionDocument,
  decisionId,
  findCheckpoint,
  findDecisionOutlines,
  findDecisions,
  findHappened,
  findInterventions,
  findLatestRounds,
  listAcceptedIds,
  type Store,
  toInterventionMessage,
} from "../store/index.ts";
import { DELIVERERS } from "./deliver.ts";
import { toDelivery } from "./to-delivery.ts";

/** What walking behind deliveries stands on. */
export type DeliveryWalkOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** What was decided for a provider, and of which nothing was heard after so long, is put on the stream again if nothing waits. */
  readonly lostAfterMs: number;
};

const SLICE_ENTRIES_MAX = 1_000;
const SLICE_MS_START = 1_000;
const SLICE_MS_MAX = 86_400_000;
/** Slices of one step; the next one goes on from there. */
const SLICES_MAX = 100;
/** After a start it looks this far back behind its checkpoint: the clock of another machine may be behind. */
const OVERLAP_MS = 60_000;
/** What is heard nothing of by then is put on the stream in any case, and the walk goes on: at worst it is there twice, and is sent
 *  once all the same. */
const GIVE_UP_MS = 3_600_000;
/** What is decided is on DISPATCH within this time, or its message on INTERVENTIONS comes again. */
const PUBLISHED_WITHIN_MS = 20_000;

/** Follows through time what was to go by a provider: where the broker has lost the message, although it had synced it, the same
 *  one is made of the decision again. It waits where deliveries wait: behind a rate, a lease, a provider that fails. */
export class DeliveryWalk {
  readonly #options: DeliveryWalkOptions;
  readonly #workspace: Pick<Workspace, "id" | "createdAt">;
  #from: number | undefined;
  #sliceMs = SLICE_MS_START;

  constructor(options: DeliveryWalkOptions, workspace: Pick<Workspace, "id" | "createdAt">) {
    this.#options = options;
    this.#workspace = workspace;
  }

  /** Goes on as far as it can.
   *  @returns how many were put on the stream again. */
  async step(now: Date): Promise<number> {
    const { store, lostAfterMs } = this.#options;
    const name = `deliveries/${this.#workspace.id}`;
    const end = now.getTime() - lostAfterMs;
    this.#from ??= ((await findCheckpoint(store, name)) ?? this.#workspace.createdAt).getTime() - OVERLAP_MS;
    const started = this.#from;
    let published = 0;
    for (let slices = 0; slices < SLICES_MAX && this.#from < end; slices += 1) {
      const until = Math.min(this.#from + this.#sliceMs, end);
      const entries = await listAcceptedIds(store, {
        workspaceId: this.#workspace.id,
        from: new Date(this.#from),
        until: new Date(until),
        limit: SLICE_ENTRIES_MAX,
      });
      if (entries.length > SLICE_ENTRIES_MAX && this.#sliceMs > 1) {
        this.#sliceMs = Math.max(1, Math.floor(this.#sliceMs / 2));
        continue;
      }
      if (entries.length < SLICE_ENTRIES_MAX / 4) this.#sliceMs = Math.min(SLICE_MS_MAX, this.#sliceMs * 2);
      const { isPassable, count } = await this.#look(entries, now);
      published += count;
      if (!isPassable) break;
      this.#from = until;
    }
    if (this.#from > started) await advanceCheckpoint(store, name, new Date(this.#from));
    return published;
  }

  async #look(entries: Awaited<ReturnType<typeof listAcceptedIds>>, now: Date) {
    const ids = entries.map(({ _id }) => _id);
    const isDue = ({ decidedAt }: DecisionDocument) => decidedAt.getTime() <= now.getTime() - this.#options.lostAfterMs;
    const open = await this.#findOpen(ids);
    if (open.length === 0) return { isPassable: true, count: 0 };
    const isOverdue = (document: DecisionDocument) => document.decidedAt.getTime() <= now.getTime() - GIVE_UP_MS;
    const due = open.filter(isDue);
    const lost = (await this.#isAnyWaiting(due)) ? due.filter(isOverdue) : due;
    await this.#publishAgain(lost);
    return { isPassable: open.every(isOverdue), count: lost.length };
  }

  /** Decisions for a provider of which nothing final was heard. */
  async #findOpen(ids: readonly string[]): Promise<DecisionDocument[]> {
    const { store } = this.#options;
    const isOutside = (channel: string | undefined) => OUTSIDE_CHANNELS.some((name) => name === channel);
    // In outline first: most decisions are for the engine's own channels, and small.
    const firsts = await findDecisionOutlines(
      store,
      ids.map((id) => decisionId(id, 0)),
    );
    const sends = firsts.filter(({ outcome, channel }) => outcome === "send" && isOutside(channel));
    const delayed = firsts.filter(({ outcome }) => outcome === "delay").map(({ interventionId }) => interventionId);
    const settled = await findHappened(
      store,
      [...sends.map(({ interventionId }) => interventionId), ...delayed],
      ["sent", "failed", "uncertain", "cancelled", "expired"],
    );
    const open = sends.filter(({ interventionId }) => !settled.has(interventionId));
    const later = delayed.filter((id) => !settled.has(id));
    const documents = await findDecisions(
      store,
      open.map(({ _id }) => _id),
    );
    const rounds = later.length === 0 ? [] : [...(await findLatestRounds(store, this.#workspace.id, later)).values()];
    return [...documents, ...rounds.filter(({ outcome, channel }) => outcome === "send" && isOutside(channel))];
  }

  /** Whether any of them may wait still: on the stream, or to be brought back. */
  async #isAnyWaiting(due: readonly DecisionDocument[]): Promise<boolean> {
    if (due.length === 0) return false;
    const { bus } = this.#options;
    if ((await countPutOff(bus, this.#workspace.id)) > 0) return true;
    const newestMs = Math.max(...due.map(({ decidedAt }) => decidedAt.getTime()));
    return (await findOldestWaitingMs(bus, DELIVERERS)) <= newestMs + PUBLISHED_WITHIN_MS;
  }

  async #publishAgain(lost: readonly DecisionDocument[]): Promise<void> {
    if (lost.length === 0) return;
    const { bus, store, metrics, log } = this.#options;
    const ids = lost.map(({ interventionId }) => interventionId);
    const entries = new Map(
      (await findInterventions(store, this.#workspace.id, ids)).map((entry) => [
        entry._id,
        toInterventionMessage(entry),
      ]),
    );
    const items = lost.flatMap((document) => {
      const message = entries.get(document.interventionId);
      return message === undefined ? [] : toDispatchItem(bus.subjects, toDelivery(message, document));
    });
    await new PackedPublisher(bus).publish(items);
    metrics.reconciled.inc(items.length);
    log.error(
      { event: "deliveries_missing", count: items.length, first: ids[0] },
      "deliveries were missing from the stream and were put on it again",
    );
  }
}
