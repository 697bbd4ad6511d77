/** Where a result isn't what is expected, in words: numbers within max(abs, rel·|expected|), no absolute slack for a p-value, and
 *  everything else equal. Further fields of the result are ignored. */
export function differences(
  got: unknown,
  expected: unknown,
  tolerance: { readonly rel: number; readonly abs: number },
  path = "result",
): string[] {
  if (typeof expected === "number") {
    const abs = path.endsWith(".p_value") ? 0 : tolerance.abs;
    const isNear =
      typeof got === "number" && Math.abs(got - expected) <= Math.max(abs, tolerance.rel * Math.abs(expected));
    return isNear ? [] : [`${path}: ${String(got)} instead of ${expected}`];
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(got) || got.length !== expected.length)
      return [`${path}: ${JSON.stringify(got)} is not as long`];
    return expected.flatMap((one: unknown, i) => differences(got[i], one, tolerance, `${path}[${i}]`));
  }
  if (typeof expected === "object" && expected !== null) {
    const fields = new Map(Object.entries(typeof got === "object" && got !== null ? got : {}));
    return Object.entries(expected).flatMap(([name, one]) =>
      differences(fields.get(name), one, tolerance, `${path}.${name}`),
    );
  }
  return got === expected ? [] : [`${path}: ${String(got)} instead of ${String(expected)}`];
}
