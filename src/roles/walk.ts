import type { Logger } from "pino";
import type { Bus, EventPublisher } from "../bus/index.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import type { Metrics } from "../observe/index.ts";
import {
  advanceCheckpoint,
  type DecisionOutline,
  decisionId,
  findCheckpoint,
  findDecisionOutlines,
  listAcceptedIds,
  type Store,
} from "../store/index.ts";
import { publishAgain } from "./publish-again.ts";
import { sweepSends } from "./sweep-sends.ts";

/** What walking stands on. */
export type WalkOptions = {
  readonly bus: Bus;
  readonly store: Store;
  readonly events: EventPublisher;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** What was sent and acknowledged by no device after this long goes to the inbox. */
  readonly undeliveredAfterMs: number;
  /** What was accepted and has no decision after this long is put on the stream again. */
  readonly undecidedAfterMs: number;
};

/** A slice of time with more entries than this is cut in half. */
const SLICE_ENTRIES_MAX = 2_000;
const SLICE_MS_START = 250;
const SLICE_MS_MAX = 86_400_000;
/** Slices of one walk; the next one goes on from there. */
const SLICES_MAX = 500;
/** After a start the walk looks this far back behind its checkpoint: the clock of another machine may be behind. */
const OVERLAP_MS = 60_000;
const GIVE_UP_MS_MIN = 600_000;
/** Well after what was missing was put on the stream again. */
const GIVE_UP_FACTOR = 20;

/** Follows what was accepted through time and sees to what did not go its way: a message that the broker has lost although it
 *  had synced it (a flipped bit, a truncated file) is put on the stream again, and what no device has acknowledged goes to the
 *  inbox. It never passes anything that may still need it, so that after a standstill it takes up where it was. */
export class Walk {
  readonly #options: WalkOptions;
  readonly #workspace: Pick<Workspace, "id" | "createdAt">;
  #from: number | undefined;
  #sliceMs = SLICE_MS_START;

  constructor(options: WalkOptions, workspace: Pick<Workspace, "id" | "createdAt">) {
    this.#options = options;
    this.#workspace = workspace;
  }

  /** Goes on as far as it can.
   *  @returns how many were put on the stream again. */
  async step(now: Date): Promise<number> {
    const { store, undecidedAfterMs, undeliveredAfterMs } = this.#options;
    const name = `accepted/${this.#workspace.id}`;
    const end = now.getTime() - Math.min(undeliveredAfterMs, undecidedAfterMs);
    this.#from ??= ((await findCheckpoint(store, name)) ?? this.#workspace.createdAt).getTime() - OVERLAP_MS;
    const started = this.#from;
    let published = 0;
    let isPassable = true;
    for (let slices = 0, from = this.#from; slices < SLICES_MAX && from < end; slices += 1) {
      const until = Math.min(from + this.#sliceMs, end);
      const entries = await listAcceptedIds(store, {
        workspaceId: this.#workspace.id,
        from: new Date(from),
        until: new Date(until),
        limit: SLICE_ENTRIES_MAX,
      });
      if (entries.length > SLICE_ENTRIES_MAX && this.#sliceMs > 1) {
        this.#sliceMs = Math.max(1, Math.floor(this.#sliceMs / 2));
        continue;
      }
      if (entries.length < SLICE_ENTRIES_MAX / 4) this.#sliceMs = Math.min(SLICE_MS_MAX, this.#sliceMs * 2);
      const done = await this.#look(entries, now);
      published += done.published;
      isPassable &&= done.isPassable;
      if (isPassable) this.#from = until;
      // Deciding is behind, and so are all that were accepted later: looking at them too would slow it down further.
      if (!done.isPassable && done.published === 0) break;
      from = until;
    }
    if (this.#from > started) await advanceCheckpoint(store, name, new Date(this.#from));
    return published;
  }

  async #look(
    entries: Awaited<ReturnType<typeof listAcceptedIds>>,
    now: Date,
  ): Promise<{ published: number; isPassable: boolean }> {
    if (entries.length === 0) return { published: 0, isPassable: true };
    const { store, undecidedAfterMs } = this.#options;
    const decisions = new Map(
      (
        await findDecisionOutlines(
          store,
          entries.map(({ _id }) => decisionId(_id, 0)),
        )
      ).map((found) => [found.interventionId, found]),
    );
    const undecided = entries.filter(({ _id }) => !decisions.has(_id));
    const lost = undecided.filter(({ acceptedAt }) => acceptedAt.getTime() < now.getTime() - undecidedAfterMs);
    const published = await publishAgain(this.#options, { workspaceId: this.#workspace.id, entries: lost, now });
    const areSendsSettled = await this.sweep([...decisions.values()], now);
    const isWaitedFor = undecided.some(({ acceptedAt }) => acceptedAt.getTime() > now.getTime() - this.#giveUpMs());
    return { published, isPassable: !isWaitedFor && areSendsSettled };
  }

  /** What has no decision by then lies in the dead letters, for an operator to look at: the walk does not wait for it. */
  #giveUpMs(): number {
    return Math.max(GIVE_UP_MS_MIN, this.#options.undecidedAfterMs * GIVE_UP_FACTOR);
  }

  /** @returns whether none of the decisions may need another look. */
  async sweep(decisions: readonly DecisionOutline[], now: Date): Promise<boolean> {
    const sends = decisions.filter(({ outcome }) => outcome === "send");
    const sentBefore = now.getTime() - this.#options.undeliveredAfterMs;
    const due = sends.filter(({ decidedAt }) => decidedAt.getTime() <= sentBefore);
    await sweepSends(this.#options, { workspaceId: this.#workspace.id, sends: due, now });
    return due.length === sends.length;
  }
}
