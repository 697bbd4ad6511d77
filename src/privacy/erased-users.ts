import type { Logger } from "pino";
import type { Bus } from "../bus/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { KeptFresh } from "../integrations/kept-fresh.ts";
import { findInterventions, listErasedSince, type Store } from "../store/index.ts";
import { toErasureId } from "./certificate.ts";

/** Nothing is on its way for longer: streams and devices forget sooner. */
const REMEMBERED_MS = 30 * 86_400_000;
/** Clocks of different machines differ by less. */
const OVERLAP_MS = 60_000;

/** Whose work is looked at. */
export type OfUser = { readonly workspace: string; readonly userId: string; readonly interventionId: string };

/** Of whom something was heard. */
export type Heard = { readonly workspace: string; readonly userId: string; readonly heardAt: Date };

/** Knows who was erased lately, so that nothing that was on its way brings him back. */
export class ErasedUsers {
  readonly #options: {
    readonly store: Store;
    readonly access: Pick<AccessDirectory, "findWorkspace">;
    readonly log: Logger;
  };
  /** When each was erased, ms. */
  readonly #erasedAt = new Map<string, number>();
  readonly #subscription: { unsubscribe: () => void };
  readonly #fresh: KeptFresh;
  #readUntil = Date.now() - REMEMBERED_MS;

  private constructor(options: {
    bus: Bus;
    store: Store;
    access: Pick<AccessDirectory, "findWorkspace">;
    log: Logger;
  }) {
    this.#options = options;
    const { bus } = options;
    this.#subscription = bus.nc.subscribe(bus.subjects.all.erased, {
      callback: (_, message) => {
        const id = this.#toId(bus.subjects.workspaceOf(message.subject), message.string());
        // To the moment it is read from the store, a second later at most.
        if (id !== undefined) this.#erasedAt.set(id, Date.now());
      },
    });
    this.#fresh = new KeptFresh({
      refresh: () => this.#read(),
      onStale: (error) =>
        options.log.warn(
          { event: "erased_users_stale", err: error },
          "who was erased can't be read at the moment: who was known to be stays so",
        ),
    });
  }

  static async start(options: {
    readonly bus: Bus;
    readonly store: Store;
    readonly access: Pick<AccessDirectory, "findWorkspace">;
    readonly log: Logger;
  }): Promise<ErasedUsers> {
    const erased = new ErasedUsers(options);
    await erased.#read();
    return erased;
  }

  stop(): void {
    this.#fresh.stop();
    this.#subscription.unsubscribe();
  }

  /** Without what belongs to erased users: of them only that counts whose intervention is in the ledger and was accepted after they
   *  were erased, and so after they came back. */
  async keepKnown<T>(items: readonly T[], toUser: (item: T) => OfUser): Promise<readonly T[]> {
    if (this.#erasedAt.size === 0) return items;
    const gone = new Set<string>();
    for (const [workspace, group] of Map.groupBy(items.map(toUser), (one) => one.workspace))
      for (const id of await this.#findGone(workspace, group)) gone.add(`${workspace}/${id}`);
    return items.filter((item) => {
      const { workspace, interventionId } = toUser(item);
      return !gone.has(`${workspace}/${interventionId}`);
    });
  }

  /** Without what was known of erased users before they were erased. What is heard of one after that is of one who came back.
   *  @param toHeard of whom, and since when it is on a stream. */
  dropBefore<T>(items: readonly T[], toHeard: (item: T) => Heard): readonly T[] {
    if (this.#erasedAt.size === 0) return items;
    return items.filter((item) => {
      const { workspace, userId, heardAt } = toHeard(item);
      return heardAt.getTime() > (this.#findErasedAt(workspace, userId) ?? Number.NEGATIVE_INFINITY);
    });
  }

  /** The interventions of erased users that were not accepted since. */
  async #findGone(workspace: string, group: readonly OfUser[]): Promise<string[]> {
    const erasedAt = new Map<string, number>();
    const atOf = new Map(
      [...new Set(group.map(({ userId }) => userId))].map((id) => [id, this.#findErasedAt(workspace, id)]),
    );
    for (const { userId, interventionId } of group) {
      const at = atOf.get(userId);
      if (at !== undefined) erasedAt.set(interventionId, at);
    }
    if (erasedAt.size === 0) return [];
    const found = await findInterventions(this.#options.store, workspace, [...erasedAt.keys()]);
    for (const { _id, acceptedAt } of found) if (acceptedAt.getTime() > (erasedAt.get(_id) ?? 0)) erasedAt.delete(_id);
    return [...erasedAt.keys()];
  }

  #findErasedAt(workspaceId: string, userId: string): number | undefined {
    return this.#erasedAt.get(this.#toId(workspaceId, userId) ?? "");
  }

  #toId(workspaceId: string, userId: string): string | undefined {
    const workspace = this.#options.access.findWorkspace(workspaceId);
    return workspace === undefined ? undefined : toErasureId(workspace, userId);
  }

  async #read(): Promise<void> {
    const now = Date.now();
    for (const { _id, erasedAt } of await listErasedSince(this.#options.store, new Date(this.#readUntil - OVERLAP_MS)))
      this.#erasedAt.set(_id, erasedAt.getTime());
    this.#readUntil = now;
  }
}
