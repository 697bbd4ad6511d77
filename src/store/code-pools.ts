import type { Store } from "./connect-store.ts";
import { inTransaction } from "./in-transaction.ts";
import type { IndexDefinition } from "./index-definition.ts";
import { insertNew } from "./insert-new.ts";
import { onStore } from "./on-store.ts";

/** Which pool, of which workspace. */
export type PoolScope = { readonly workspaceId: string; readonly pool: string };

/** How many codes a pool has ever had; they are numbered from 1, without gaps. */
export type CodePoolDocument = PoolScope & {
  /** `{workspace}/{pool}`. */
  readonly _id: string;
  readonly size: number;
};

/** One code. */
export type CodeDocument = PoolScope & {
  /** `{workspace}/{pool}/{number}`. */
  readonly _id: string;
  readonly number: number;
  readonly code: string;
};

/** One code that somebody has, for good. Only one can insert it. */
export type CodeDrawDocument = PoolScope & {
  /** The code's own id. */
  readonly _id: string;
  readonly number: number;
  /** The intervention that has it; it has no other of this pool. */
  readonly claim: string;
  readonly drawnAt: Date;
};

const CLAIM_INDEX = "claim";
export const codePoolIndexes = [] as const satisfies readonly IndexDefinition[];
export const codeIndexes = [
  { name: "by_code", key: { workspaceId: 1, pool: 1, code: 1 }, unique: true },
] as const satisfies readonly IndexDefinition[];
export const codeDrawIndexes = [
  { name: CLAIM_INDEX, key: { workspaceId: 1, pool: 1, claim: 1 }, unique: true },
  { name: "by_number", key: { workspaceId: 1, pool: 1, number: 1 } },
] as const satisfies readonly IndexDefinition[];

const poolId = ({ workspaceId, pool }: PoolScope) => `${workspaceId}/${pool}`;
const codeId = (scope: PoolScope, number: number) => `${poolId(scope)}/${number}`;

/** Adds the codes that the pool does not have, all or none.
 *  @returns how many are new and how many there are now; undefined when there would be more than `sizeMax`. */
export function addCodes(
  store: Store,
  scope: PoolScope,
  codes: readonly string[],
  sizeMax: number,
): Promise<{ readonly added: number; readonly size: number } | undefined> {
  const { workspaceId, pool } = scope;
  const _id = poolId(scope);
  const wanted = [...new Set(codes)];
  return inTransaction(store, async (session) => {
    const size = (await store.codePools.findOne({ _id }, { session }))?.size ?? 0;
    const known = await store.codes
      .find({ workspaceId, pool, code: { $in: wanted } }, { session, projection: { code: 1 } })
      .toArray();
    const there = new Set(known.map(({ code }) => code));
    const added = wanted.filter((code) => !there.has(code));
    if (size + added.length > sizeMax) return undefined;
    const document = { workspaceId, pool, size: size + added.length };
    if (added.length === 0) return { added: 0, size };
    // Two that add at once meet here, and one of them begins again.
    await store.codePools.updateOne({ _id }, { $set: document }, { session, upsert: true });
    await store.codes.insertMany(
      added.map((code, index) => {
        const number = size + index + 1;
        return { _id: codeId(scope, number), workspaceId, pool, number, code };
      }),
      { session },
    );
    return { added: added.length, size: document.size };
  });
}

export async function findCodePool(store: Store, scope: PoolScope): Promise<CodePoolDocument | undefined> {
  return (await onStore(() => store.codePools.findOne({ _id: poolId(scope) }))) ?? undefined;
}

/** How many are drawn, of all or of those up to a number. */
export function countDraws(store: Store, { workspaceId, pool }: PoolScope, upTo?: number): Promise<number> {
  const filter = { workspaceId, pool, ...(upTo === undefined ? {} : { number: { $lte: upTo } }) };
  return onStore(() => store.codeDraws.countDocuments(filter));
}

/** The numbers that claims have already, by claim. */
export async function findDraws(
  store: Store,
  { workspaceId, pool }: PoolScope,
  claims: readonly string[],
): Promise<Map<string, number>> {
  const filter = { workspaceId, pool, claim: { $in: [...claims] } };
  const found = await onStore(() => store.codeDraws.find(filter).toArray());
  return new Map(found.map(({ claim, number }) => [claim, number]));
}

/** Takes a number for each claim, in order.
 *  @returns which could not be taken, and why: somebody else has the number, or the claim has one already.
 *  @throws Unavailable when some may be taken and some not. */
export async function insertDraws(
  store: Store,
  scope: PoolScope,
  draws: readonly { readonly number: number; readonly claim: string }[],
  drawnAt: Date,
): Promise<{ readonly index: number; readonly why: "taken" | "claimed" }[]> {
  const documents = draws.map(({ number, claim }) => ({
    ...{ _id: codeId(scope, number), workspaceId: scope.workspaceId, pool: scope.pool },
    ...{ number, claim, drawnAt },
  }));
  const conflicts = await insertNew(store.codeDraws, documents);
  return conflicts.map(({ index, indexName }) => ({ index, why: indexName === CLAIM_INDEX ? "claimed" : "taken" }));
}

/** The codes of some numbers. */
export async function findCodes(
  store: Store,
  scope: PoolScope,
  numbers: readonly number[],
): Promise<Map<number, string>> {
  const ids = numbers.map((number) => codeId(scope, number));
  const found = await onStore(() => store.codes.find({ _id: { $in: ids } }).toArray());
  return new Map(found.map(({ number, code }) => [number, code]));
}
