/** Gauss-Legendre quadrature on [-1, 1]: exact for polynomials of degree 2·size − 1. */
export type Legendre = {
  /** Ascending. */
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
  /** Row m: what to weigh the values at the nodes by to have the integral from -1 to node m. Exact for degree size − 1. */
  readonly upTo: readonly (readonly number[])[];
};

export function legendre(size: number): Legendre {
  const nodes = Array.from({ length: size }, (_, index) => findNode(size, size - index));
  const weights = nodes.map((x) => {
    const slope = (size * ((valuesAt(x, size)[size - 1] ?? 0) - x * (valuesAt(x, size)[size] ?? 0))) / (1 - x * x);
    return 2 / ((1 - x * x) * slope * slope);
  });
  // A function is its Legendre series, whose coefficients are sums over the nodes, and P_k integrates to (P_(k+1) − P_(k−1))/(2k + 1).
  const values = nodes.map((x) => valuesAt(x, size));
  const upTo = nodes.map((x, m) =>
    nodes.map((_, n) => {
      let sum = 1 + x;
      for (let k = 1; k < size; k++) {
        const integral = (values[m]?.[k + 1] ?? 0) - (values[m]?.[k - 1] ?? 0);
        sum += integral * (values[n]?.[k] ?? 0);
      }
      return (sum * (weights[n] ?? 0)) / 2;
    }),
  );
  return { nodes, weights, upTo };
}

/** The k-th largest root of P_size, by Newton's method from Tricomi's estimate. */
function findNode(size: number, k: number): number {
  let x = Math.cos((Math.PI * (k - 0.25)) / (size + 0.5));
  for (let i = 0; i < 10; i++) {
    const values = valuesAt(x, size);
    const value = values[size] ?? 0;
    x -= (value * (1 - x * x)) / (size * ((values[size - 1] ?? 0) - x * value));
  }
  return x;
}

/** P_0 to P_(size + 1) at x, by Bonnet's recursion. */
function valuesAt(x: number, size: number): number[] {
  const values = [1, x];
  for (let k = 1; k <= size; k++) {
    values.push(((2 * k + 1) * x * (values[k] ?? 0) - k * (values[k - 1] ?? 0)) / (k + 1));
  }
  return values;
}
