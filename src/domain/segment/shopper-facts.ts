import type { Scalar } from "../condition/compare.ts";

/** One thing that is known of a shopper, under the path that rules name it by. It has one of the values; a text that is a time in
 *  RFC 3339 has `time` too. */
export type Fact = {
  readonly path: string;
  readonly number?: number;
  readonly text?: string;
  readonly flag?: boolean;
  /** Milliseconds since 1970. */
  readonly time?: number;
  readonly list?: readonly Scalar[];
};

/** Something that a shopper did on a day. */
export type Activity = {
  /** The short name of a ShopEventKind. */
  readonly kind: string;
  /** Days since 1970, by UTC. */
  readonly day: number;
  /** How often he did it on this day and all days after it: so that "N times within D days" is one comparison, here as in a query. */
  readonly since: number;
};

/** The newest prediction of a kind. */
export type Foresight = {
  /** The short name of a PredictionKind. */
  readonly kind: string;
  readonly score: number;
  /** It holds before this, milliseconds since 1970. */
  readonly until: number;
};

/** All that segments look at. The store keeps it as it is, and queries and predicates ask it the same questions. */
export type ShopperFacts = {
  readonly facts: readonly Fact[];
  readonly activity: readonly Activity[];
  readonly foresight: readonly Foresight[];
  /** The segments without a rule that the shopper was put into. */
  readonly lists: readonly string[];
};

export const DAY_MS = 86_400_000;

/** What one segment rule after the other is asked about: the facts, found by their paths. */
export type FactIndex = ShopperFacts & { readonly byPath: ReadonlyMap<string, Fact> };

export const toFactIndex = (known: ShopperFacts): FactIndex => ({
  ...known,
  byPath: new Map(known.facts.map((fact) => [fact.path, fact])),
});

const KEY_CHARACTERS_MAX = 256;

/** What an equality is found by through an index; undefined for values that no key is made of. */
export function toFactKey(path: string, value: Scalar): string | undefined {
  return String(value).length > KEY_CHARACTERS_MAX ? undefined : `${path}=${JSON.stringify(value)}`;
}

export const toListKey = (segmentId: string) => `in=${segmentId}`;

/** Every key that a shopper is found by. */
export function toFactKeys({ facts, lists }: ShopperFacts): string[] {
  const values = facts.flatMap(({ path, number, text, flag }) => {
    const value = number ?? text ?? flag;
    return value === undefined ? [] : (toFactKey(path, value) ?? []);
  });
  return [...values, ...lists.map(toListKey)];
}
