import { type BgNbdParameters, type CustomerStatistics, logLikelihood } from "./bg-nbd.ts";
import { minimize } from "./nelder-mead.ts";

/** Customers of one and the same history. */
export type CustomerGroup = CustomerStatistics & { readonly customers: number };

export type BgNbdFit = {
  readonly parameters: BgNbdParameters;
  /** Natural, summed over the customers. */
  readonly logLikelihood: number;
  readonly evaluations: number;
};

/** The search runs with the longest history this many units long, whatever the caller's unit: so that weeks and seconds lead to the
 *  same fit, and all parameters 1 is a fair start. */
const spanOfSearch = 40;

/** Fits by maximum likelihood. The search runs over the logarithms of the parameters, so that none ever leaves the positive numbers.
 *  @param groups histories within one span of observation, with how many customers have each; a few hundred customers at least.
 *  @throws RangeError when nobody bought again, since then nothing tells of `a` and `b`, when nobody was observed for any time, and
 *  when the search does not settle. */
export function fitBgNbd(groups: readonly CustomerGroup[]): BgNbdFit {
  const present = groups.filter(({ customers }) => customers > 0);
  if (!present.some(({ x }) => x > 0)) throw new RangeError("nobody bought again: such histories fit every a and b");
  const longest = present.reduce((most, { T }) => Math.max(most, T), 0);
  if (longest === 0) throw new RangeError("nobody was observed for any time");
  const scale = spanOfSearch / longest;
  const scaled = present.map((group) => ({ ...group, tX: group.tX * scale, T: group.T * scale }));
  // The mean, so that how well the search can settle does not depend on how many customers there are.
  const count = present.reduce((sum, { customers }) => sum + customers, 0);
  const cost = (point: readonly number[]) => -total(toParameters(point), scaled) / count;
  const first = minimize(cost, { start: [0, 0, 0, 0], tolerance: 1e-7 });
  // Once more from there with a simplex of full size: the first may have collapsed onto a slope.
  const second = minimize(cost, { start: first.point, tolerance: 1e-7 });
  const { alpha, ...others } = toParameters(second.point);
  const parameters = { ...others, alpha: alpha / scale };
  return {
    parameters,
    logLikelihood: total(parameters, present),
    evaluations: first.evaluations + second.evaluations,
  };
}

/** Most customers bought once, on one of some hundred days: equal ones are computed once. */
export function groupCustomers(customers: Iterable<CustomerStatistics>): CustomerGroup[] {
  const groups = new Map<string, { x: number; tX: number; T: number; customers: number }>();
  for (const { x, tX, T } of customers) {
    const key = `${x},${tX},${T}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { x, tX, T, customers: 1 });
    else group.customers += 1;
  }
  return [...groups.values()];
}

function total(parameters: BgNbdParameters, groups: readonly CustomerGroup[]): number {
  return groups.reduce((sum, group) => sum + group.customers * logLikelihood(parameters, group), 0);
}

function toParameters([r = 0, alpha = 0, a = 0, b = 0]: readonly number[]): BgNbdParameters {
  return { r: Math.exp(r), alpha: Math.exp(alpha), a: Math.exp(a), b: Math.exp(b) };
}
