import { type BgNbdParameters, type CustomerStatistics, logLikelihood } from "./bg-nbd.ts";
import { minimize } from "./nelder-mead.ts";

export type BgNbdFit = {
  readonly parameters: BgNbdParameters;
  /** Natural, summed over the customers. */
  readonly logLikelihood: number;
  readonly evaluations: number;
};

/** Fits by maximum likelihood. The search runs over the logarithms of the parameters, so that none ever leaves the positive numbers.
 *  @param customers their histories within one span of observation; a few hundred at least. */
export function fitBgNbd(customers: readonly CustomerStatistics[]): BgNbdFit {
  const groups = grouped(customers);
  const minimum = minimize(
    (point) => {
      const parameters = toParameters(point);
      return -groups.reduce((sum, { customer, count }) => sum + count * logLikelihood(parameters, customer), 0);
    },
    // All parameters 1, where the authors' spreadsheet starts too.
    { start: [0, 0, 0, 0], tolerance: 1e-7 },
  );
  return {
    parameters: toParameters(minimum.point),
    logLikelihood: -minimum.value,
    evaluations: minimum.evaluations,
  };
}

function toParameters([r = 0, alpha = 0, a = 0, b = 0]: readonly number[]): BgNbdParameters {
  return { r: Math.exp(r), alpha: Math.exp(alpha), a: Math.exp(a), b: Math.exp(b) };
}

/** Most customers bought once, on one of 84 days: equal ones are computed once. */
function grouped(customers: readonly CustomerStatistics[]) {
  const groups = new Map<string, { customer: CustomerStatistics; count: number }>();
  for (const customer of customers) {
    const key = `${customer.x},${customer.tX},${customer.T}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { customer, count: 1 });
    else group.count += 1;
  }
  return [...groups.values()];
}
