import { invariant } from "../domain/assert.ts";
import { InvalidInput, NotAllowedNow, NotFound, OverLimit } from "../domain/errors.ts";
import { fromRegistersText, isNewer, joinRegisters, type Registers } from "../domain/profile/registers.ts";
import type { SegmentDirectory } from "../integrations/segment-directory.ts";
import {
  findProfiles,
  insertProfiles,
  mergeProfiles,
  type ProfileDocument,
  profileId,
  replaceProfile,
  type Store,
} from "../store/index.ts";
import { toProfileDocument } from "./to-profile-document.ts";

/** What keeping profiles needs. */
export type ProfileKeeperParts = {
  readonly store: Store;
  readonly now: () => Date;
  /** Attributes that profiles can be searched by. A profile is found by one from its first change after it was named here. */
  readonly indexedAttributes: readonly string[];
  /** Told whose profiles may have changed. Default: nobody looks. */
  readonly segments?: Pick<SegmentDirectory, "noteChanges"> | undefined;
};

/** What has changed of one user. */
export type UserChange = { readonly userId: string; readonly changes: Registers };
export type ApplyResult =
  | { readonly kind: "kept"; readonly document: ProfileDocument }
  | { readonly kind: "refused"; readonly error: InvalidInput };

/** Changes can meet at one profile again and again, but each time one of them gets through. */
const CONFLICTS_MAX = 100;
/** Replacements under way at once; the store has as many connections. */
const REPLACED_AT_ONCE = 16;
/** Each is looked at when a cap counts what was sent to a user. */
const ALIASES_MAX = 100;
const NOTHING: Registers = new Map();

/** Changes profiles, however many others do so at the same time: load, join, and save unless another came first. */
export class ProfileKeeper {
  readonly #parts: ProfileKeeperParts;

  constructor(parts: ProfileKeeperParts) {
    this.#parts = parts;
  }

  /** Joins changes to the profiles their users go by, making those that are missing. One that is refused stops no other.
   *  @returns a result for each change, in their order; on disk.
   *  @throws OverLimit when too many others change the same profile: some may be kept, and doing it again is safe. */
  async apply(workspaceId: string, changes: readonly UserChange[]): Promise<ApplyResult[]> {
    const results = new Map<string, ApplyResult>();
    let open = toOnePerUser(changes);
    for (let attempt = 1; open.length > 0; attempt += 1) {
      if (attempt > CONFLICTS_MAX) throw tooMany(open[0]?.userId ?? "");
      const before = await findProfiles(
        this.#parts.store,
        open.map(({ userId }) => ({ workspaceId, userId })),
      );
      const again: UserChange[] = [];
      const made: { readonly change: UserChange; readonly document: ProfileDocument; readonly isNew: boolean }[] = [];
      for (const change of open) {
        const known = before.get(profileId(workspaceId, change.userId));
        const registers = known === undefined ? NOTHING : fromRegistersText(known.registers);
        const joined = joinRegisters(registers, change.changes);
        if (known !== undefined && joined === registers) {
          results.set(change.userId, { kind: "kept", document: known });
          continue;
        }
        try {
          const document = this.#toDocument(workspaceId, known?.userId ?? change.userId, known, joined);
          made.push({ change, document, isNew: known === undefined });
        } catch (error) {
          if (!(error instanceof InvalidInput)) throw error;
          results.set(change.userId, { kind: "refused", error });
        }
      }
      const isKept = await this.#save(made);
      for (const [index, { change, document }] of made.entries())
        if (isKept[index] === true) results.set(change.userId, { kind: "kept", document });
        else again.push(change);
      open = again;
    }
    // Of those that changed nothing too: a call before this one may have ended before it came here.
    await this.#parts.segments?.noteChanges(changes.map(({ userId }) => ({ workspaceId, userId })));
    return changes.map(({ userId }) => {
      const result = results.get(userId);
      invariant(result !== undefined, "each change has a result");
      return result;
    });
  }

  /** Makes two ids one user. Safe to repeat.
   *  @throws NotFound when nothing is known of `from`; NotAllowedNow when the user would have too many ids; OverLimit as above. */
  async merge(
    workspaceId: string,
    ids: { readonly from: string; readonly into: string },
  ): Promise<{ readonly document: ProfileDocument; readonly alreadyMerged: boolean }> {
    const { store, now } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      if (attempt > CONFLICTS_MAX) throw tooMany(ids.into);
      const found = await findProfiles(store, [
        { workspaceId, userId: ids.from },
        { workspaceId, userId: ids.into },
      ]);
      const from = found.get(profileId(workspaceId, ids.from));
      const into = found.get(profileId(workspaceId, ids.into));
      if (from === undefined) throw new NotFound("profile", ids.from);
      if (into === undefined) {
        await insertProfiles(store, [this.#toDocument(workspaceId, ids.into, undefined, NOTHING)]);
        continue;
      }
      if (from._id === into._id) {
        await this.#noteMerge(workspaceId, ids);
        return { document: into, alreadyMerged: true };
      }
      const aliases = [...into.aliases, from.userId, ...from.aliases];
      if (aliases.length > ALIASES_MAX)
        throw new NotAllowedNow(
          "ids_of_user",
          into.userId,
          `the user would go by ${aliases.length} other ids; up to ${ALIASES_MAX} are allowed`,
        );
      const [own, added] = [fromRegistersText(into.registers), fromRegistersText(from.registers)];
      const document = { ...this.#toDocument(workspaceId, into.userId, into, joinRegisters(own, added)), aliases };
      const keys = [...added.keys()];
      const isTaken = (key: string) => isOutdatedBy(own, added, key);
      const { listedAs: _, ...kept } = from;
      const isDone = await mergeProfiles(store, {
        from: { ...kept, revision: from.revision + 1, searchKeys: [], mergedInto: into.userId, updatedAt: now() },
        into: document,
        record: {
          _id: from._id,
          workspaceId,
          from: from.userId,
          into: into.userId,
          mergedAt: now(),
          taken: keys.filter(isTaken),
          outdated: keys.filter((key) => !isTaken(key)),
        },
      });
      if (!isDone) continue;
      await this.#noteMerge(workspaceId, ids);
      return { document, alreadyMerged: false };
    }
  }

  async #noteMerge(
    workspaceId: string,
    { from, into }: { readonly from: string; readonly into: string },
  ): Promise<void> {
    await this.#parts.segments?.noteChanges([from, into].map((userId) => ({ workspaceId, userId })));
  }

  #toDocument(
    workspaceId: string,
    userId: string,
    before: ProfileDocument | undefined,
    registers: Registers,
  ): ProfileDocument {
    const { indexedAttributes, now } = this.#parts;
    return toProfileDocument({ workspaceId, userId, before, registers, indexedAttributes, now: now() });
  }

  async #save(made: readonly { readonly document: ProfileDocument; readonly isNew: boolean }[]): Promise<boolean[]> {
    const { store } = this.#parts;
    const isKept = made.map(() => true);
    const indices = [...made.keys()];
    const fresh = indices.filter((index) => made[index]?.isNew === true);
    const conflicts = await insertProfiles(
      store,
      fresh.flatMap((index) => made[index]?.document ?? []),
    );
    for (const conflict of conflicts) isKept[fresh[conflict] ?? -1] = false;
    const changed = indices.filter((index) => made[index]?.isNew === false);
    for (let start = 0; start < changed.length; start += REPLACED_AT_ONCE)
      await Promise.all(
        changed.slice(start, start + REPLACED_AT_ONCE).map(async (index) => {
          const document = made[index]?.document;
          if (document !== undefined) isKept[index] = await replaceProfile(store, document);
        }),
      );
    return isKept;
  }
}

const RETRY_AFTER_MS = 250;
const tooMany = (userId: string) =>
  new OverLimit("changes of one profile", `too many change the profile of user "${userId}" at once`, RETRY_AFTER_MS);

function isOutdatedBy(own: Registers, added: Registers, key: string): boolean {
  const register = added.get(key);
  return register !== undefined && isNewer(register, own.get(key));
}

function toOnePerUser(changes: readonly UserChange[]): UserChange[] {
  const joined = new Map<string, Registers>();
  for (const { userId, changes: one } of changes) joined.set(userId, joinRegisters(joined.get(userId) ?? NOTHING, one));
  return [...joined].map(([userId, one]) => ({ userId, changes: one }));
}
