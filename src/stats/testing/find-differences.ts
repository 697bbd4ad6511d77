export type Tolerance = { readonly rel: number; readonly abs: number };

/** Where a result is not as expected: numbers within max(abs, rel·|expected|), everything else equal; what the result has beyond that is
 *  left alone. Of a p-value only the relative error counts, however small it is. */
export function findDifferences(got: unknown, expected: unknown, tolerance: Tolerance, path = ""): string[] {
  if (typeof expected === "number" && typeof got === "number") {
    const abs = path.endsWith(".p_value") ? 0 : tolerance.abs;
    const allowed = Math.max(abs, tolerance.rel * Math.abs(expected));
    return Math.abs(got - expected) <= allowed ? [] : [`${path}: ${got}, not ${expected}`];
  }
  if (Array.isArray(expected) && Array.isArray(got) && got.length !== expected.length) {
    return [`${path}: ${got.length} elements, not ${expected.length}`];
  }
  if (isObject(expected) && isObject(got)) {
    return Object.entries(expected).flatMap(([key, value]) =>
      findDifferences(got[key], value, tolerance, `${path}.${key}`),
    );
  }
  return Object.is(got, expected) ? [] : [`${path}: ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`];
}

/** Arrays too: their elements are fields by number. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
