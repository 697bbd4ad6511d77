/** True, false, or unknown (undefined): Kleene's strong three-valued logic (S. C. Kleene, Introduction to Metamathematics,
 *  1952, §64). */
export type Truth = boolean | undefined;

export const not = (truth: Truth): Truth => (truth === undefined ? undefined : !truth);

/** False as soon as one is; true when all are. Nothing is asked after the first that settles it. */
export function allOf<T>(items: Iterable<T>, ask: (item: T) => Truth): Truth {
  let result: Truth = true;
  for (const item of items) {
    const truth = ask(item);
    if (truth === false) return false;
    if (truth === undefined) result = undefined;
  }
  return result;
}

/** True as soon as one is; false when all are. */
export function anyOf<T>(items: Iterable<T>, ask: (item: T) => Truth): Truth {
  return not(allOf(items, (item) => not(ask(item))));
}
