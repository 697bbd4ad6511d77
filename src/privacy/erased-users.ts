import type { Logger } from "pino";
import type { Bus } from "../bus/index.ts";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { findInterventions, listErasedSince, requestErasure, type Store } from "../store/index.ts";
import { toErasureId } from "./certificate.ts";

/** Nothing is on its way for longer: streams and devices forget sooner. */
const REMEMBERED_MS = 30 * 86_400_000;
const REFRESH_MS = 1_000;
/** Clocks of different machines differ by less. */
const OVERLAP_MS = 60_000;

/** Whose work is looked at. */
export type OfUser = { readonly workspace: string; readonly userId: string; readonly interventionId: string };

/** Knows who was erased lately, so that nothing that was on its way brings him back. What comes late still lies in its stream, and so
 *  his erasure is begun again. */
export class ErasedUsers {
  readonly #options: {
    readonly store: Store;
    readonly access: Pick<AccessDirectory, "workspaces">;
    readonly log: Logger;
  };
  readonly #ids = new Set<string>();
  readonly #subscription: { unsubscribe: () => void };
  readonly #timer: NodeJS.Timeout;
  readonly #late = new Map<string, { readonly workspaceId: string; readonly userId: string }>();
  #readUntil = Date.now() - REMEMBERED_MS;
  #isReading = false;

  private constructor(options: { bus: Bus; store: Store; access: Pick<AccessDirectory, "workspaces">; log: Logger }) {
    this.#options = options;
    const { bus } = options;
    this.#subscription = bus.nc.subscribe(bus.subjects.all.erased, {
      callback: (_, message) =>
        void this.#ids.add(this.#toId(bus.subjects.workspaceOf(message.subject), message.string()) ?? ""),
    });
    this.#timer = setInterval(() => void this.#readQuietly(), REFRESH_MS);
  }

  static async start(options: {
    readonly bus: Bus;
    readonly store: Store;
    readonly access: Pick<AccessDirectory, "workspaces">;
    readonly log: Logger;
  }): Promise<ErasedUsers> {
    const erased = new ErasedUsers(options);
    await erased.#read();
    return erased;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#subscription.unsubscribe();
  }

  /** Without what belongs to erased users: of them only that counts whose intervention is in the ledger, since it was accepted
   *  after they came back. */
  async keepKnown<T>(items: readonly T[], toUser: (item: T) => OfUser): Promise<readonly T[]> {
    if (this.#ids.size === 0) return items;
    const erased = new Set<string>();
    for (const [workspace, group] of Map.groupBy(items.map(toUser), (one) => one.workspace)) {
      const users = new Set(
        group.map(({ userId }) => userId).filter((id) => this.#ids.has(this.#toId(workspace, id) ?? "-")),
      );
      const ids = [
        ...new Set(group.filter(({ userId }) => users.has(userId)).map(({ interventionId }) => interventionId)),
      ];
      if (ids.length === 0) continue;
      const known = new Set((await findInterventions(this.#options.store, workspace, ids)).map(({ _id }) => _id));
      for (const id of ids) if (!known.has(id)) erased.add(`${workspace}/${id}`);
      for (const { userId, interventionId } of group)
        if (users.has(userId) && !known.has(interventionId)) this.#noteLate(workspace, userId);
    }
    return items.filter((item) => {
      const { workspace, interventionId } = toUser(item);
      return !erased.has(`${workspace}/${interventionId}`);
    });
  }

  #toId(workspaceId: string, userId: string): string | undefined {
    const workspace = this.#options.access.workspaces().find(({ id }) => id === workspaceId);
    return workspace === undefined ? undefined : toErasureId(workspace, userId);
  }

  #noteLate(workspaceId: string, userId: string): void {
    const id = this.#toId(workspaceId, userId);
    if (id !== undefined) this.#late.set(id, { workspaceId, userId });
  }

  async #eraseLate(): Promise<void> {
    for (const [id, { workspaceId, userId }] of this.#late) {
      await requestErasure(this.#options.store, { id, workspaceId, userId, now: new Date() });
      this.#late.delete(id);
    }
  }

  async #read(): Promise<void> {
    const now = Date.now();
    for (const { _id } of await listErasedSince(this.#options.store, new Date(this.#readUntil - OVERLAP_MS)))
      this.#ids.add(_id);
    this.#readUntil = now;
  }

  async #readQuietly(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      await this.#read();
      await this.#eraseLate();
    } catch (error) {
      this.#options.log.warn({ event: "erased_users_stale", err: error }, "who was erased can't be read at the moment");
    } finally {
      this.#isReading = false;
    }
  }
}
