import type { Db } from "mongodb";

/** How deliveries ended, by what the engine says and by what the provider recorded. */
export type Ends = {
  /** Neither sent nor known to be uncertain. */
  readonly lost: number;
  /** Sent again under at_most_once, or without a mark under at_least_once. */
  readonly twice: number;
  /** Sent again under at_least_once, by attempts that are marked. */
  readonly twice_marked: number;
  /** Of which nobody knows whether they were sent, and which are not sent again. */
  readonly unknown: number;
};

/** Which of its guarantees a delivery has. */
export type IsAtMostOnce = (deliveryId: string) => boolean;

type Attempt = { readonly _id: string; readonly maybeTwice?: boolean };
type Result = { readonly _id: string; readonly outcome: string };

/** Compares the provider's own record with the store. */
export async function countEnds(
  db: Db,
  ids: readonly string[],
  recorded: ReadonlyMap<string, readonly number[]>,
  isAtMostOnce: IsAtMostOnce,
): Promise<Ends> {
  const marked = new Set<string>();
  for await (const { _id, maybeTwice } of db
    .collection<Attempt>("attempts")
    .find({}, { projection: { maybeTwice: 1 } }))
    if (maybeTwice === true) marked.add(_id);
  const uncertain = new Set<string>();
  for await (const { _id, outcome } of db
    .collection<Result>("attempt_results")
    .find({}, { projection: { outcome: 1 } }))
    if (outcome === "unknown") uncertain.add(_id.slice(0, _id.lastIndexOf(":")));
  const ends = { lost: 0, twice: 0, twice_marked: 0, unknown: 0 };
  for (const id of ids) {
    const attempts = recorded.get(id) ?? [];
    const isUncertain = isAtMostOnce(id) && uncertain.has(id);
    if (isUncertain) ends.unknown += 1;
    if (attempts.length === 0 && !isUncertain) ends.lost += 1;
    for (const attempt of attempts.slice(1)) {
      if (!isAtMostOnce(id) && marked.has(`${id}:${attempt}`)) ends.twice_marked += 1;
      else ends.twice += 1;
    }
  }
  return ends;
}

/** How many deliveries have come to an end, whichever. */
export async function countEnded(db: Db, isAtMostOnce: IsAtMostOnce): Promise<number> {
  let ended = 0;
  for await (const { _id, outcome } of db
    .collection<Result>("attempt_results")
    .find({}, { projection: { outcome: 1 } })) {
    const isEnd = outcome === "sent" || outcome === "give_up" || outcome === "expired" || outcome === "refused";
    if (isEnd || (outcome === "unknown" && isAtMostOnce(_id.slice(0, _id.lastIndexOf(":"))))) ended += 1;
  }
  return ended;
}
