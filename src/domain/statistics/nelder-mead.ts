export type Minimum = { readonly point: readonly number[]; readonly value: number; readonly evaluations: number };

export type NelderMeadOptions = {
  readonly start: readonly number[];
  /** How far the first simplex reaches along each axis. Default: 0.5. */
  readonly step?: number;
  /** Done when the values, and the points along each axis, differ by no more. Default: 1e-9. */
  readonly tolerance?: number;
  /** Default: 5,000. */
  readonly evaluationsMax?: number;
};

type Vertex = { readonly point: readonly number[]; readonly value: number };

/** Looks for a minimum without derivatives (Nelder and Mead 1965, with the usual coefficients 1, 2, 1/2, 1/2). Good for a handful of
 *  dimensions and a smooth function; the minimum is a local one.
 *  @throws RangeError when it does not settle within `evaluationsMax`. */
export function minimize(f: (point: readonly number[]) => number, options: NelderMeadOptions): Minimum {
  const { start, step = 0.5, tolerance = 1e-9, evaluationsMax = 5_000 } = options;
  let evaluations = 0;
  const at = (point: readonly number[]): Vertex => {
    evaluations += 1;
    return { point, value: f(point) };
  };
  let simplex = [
    at(start),
    ...start.map((_, axis) => at(start.map((value, i) => (i === axis ? value + step : value)))),
  ].sort(byValue);
  while (evaluations < evaluationsMax) {
    const [best, ...others] = simplex;
    const worst = others.pop();
    const second = others.at(-1) ?? best;
    if (best === undefined || worst === undefined || second === undefined) throw new RangeError("no dimension");
    if (isSettled(simplex, tolerance)) return { ...best, evaluations };
    const center = centroid([best, ...others]);
    const towards = (factor: number) => at(center.map((c, i) => c + factor * (c - (worst.point[i] ?? 0))));
    const reflected = towards(1);
    let next = reflected;
    if (reflected.value < best.value) {
      const expanded = towards(2);
      if (expanded.value < reflected.value) next = expanded;
    } else if (reflected.value >= second.value) {
      next = towards(reflected.value < worst.value ? 0.5 : -0.5);
      if (next.value >= Math.min(reflected.value, worst.value)) {
        // Nothing on the line is better: draw everything towards the best.
        const shrunk = [...others, worst].map(({ point }) =>
          at(point.map((value, i) => ((best.point[i] ?? 0) + value) / 2)),
        );
        simplex = [best, ...shrunk].sort(byValue);
        continue;
      }
    }
    simplex = [best, ...others, next].sort(byValue);
  }
  throw new RangeError(`no minimum within ${evaluationsMax} evaluations`);
}

function byValue(a: Vertex, b: Vertex): number {
  return a.value - b.value;
}

function centroid(vertices: readonly Vertex[]): number[] {
  const [first] = vertices;
  return (first?.point ?? []).map(
    (_, i) => vertices.reduce((sum, { point }) => sum + (point[i] ?? 0), 0) / vertices.length,
  );
}

function isSettled(simplex: readonly Vertex[], tolerance: number): boolean {
  const [best] = simplex;
  if (best === undefined) return true;
  return simplex.every(
    ({ point, value }) =>
      value - best.value <= tolerance && point.every((x, i) => Math.abs(x - (best.point[i] ?? 0)) <= tolerance),
  );
}
