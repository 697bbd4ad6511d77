/** Nodes in (−1, 1) and weights. */
export type Rule = readonly { readonly node: number; readonly weight: number }[];

/** The rule of so many points, by Newton's method on the Legendre polynomial. Source: Numerical Recipes §4.6. */
export function gaussLegendre(points: number): Rule {
  return Array.from({ length: points }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5));
    let slope = 1;
    for (let step = 0; step < 100; step += 1) {
      let [before, value] = [0, 1];
      for (let k = 0; k < points; k += 1) [before, value] = [value, ((2 * k + 1) * x * value - k * before) / (k + 1)];
      slope = (points * (x * value - before)) / (x * x - 1);
      const change = value / slope;
      x -= change;
      if (Math.abs(change) < 1e-16) break;
    }
    return { node: x, weight: 2 / ((1 - x * x) * slope * slope) };
  });
}
