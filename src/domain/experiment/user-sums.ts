import type { ArmSums, MetricSums } from "./experiment-plan.ts";
import type { UserValue } from "./measure-user.ts";
import { winsorize } from "./winsorize.ts";

/** A metric as it is added up. */
export type SummedMetric = {
  readonly name: string;
  /** Everything above this quantile of all users' values is lowered to it; undefined: nothing is. */
  readonly winsorize?: number | undefined;
};

/** A user who is measured. */
export type MeasuredUser = {
  readonly arm: string;
  readonly stratum: string;
  /** One a metric. */
  readonly values: readonly UserValue[];
};

/** What a group of users adds up to. */
type Open = { users: number; readonly metrics: OpenMetric[] };
type OpenMetric = {
  sum: number;
  sumSquares: number;
  denominator: { sum: number; sumSquares: number; sumProducts: number } | undefined;
  before: { sum: number; sumSquares: number; sumProducts: number } | undefined;
};
/** Of a winsorised metric each user's numbers are kept until all are in: 24 bytes. */
type Kept = { readonly groups: Open[]; readonly values: number[]; readonly befores: number[] };

const KEY = (arm: string, stratum: string) => JSON.stringify([arm, stratum]);

/** Adds users up, arm by arm and stratum by stratum: what is kept does not grow with the users, but for what is winsorised, whose
 *  quantile is that of all. */
export class UserSums {
  readonly #metrics: readonly SummedMetric[];
  readonly #groups = new Map<string, Open & { readonly arm: string; readonly stratum: string }>();
  readonly #kept: readonly Kept[];

  constructor(metrics: readonly SummedMetric[]) {
    this.#metrics = metrics;
    this.#kept = metrics.map(() => ({ groups: [], values: [], befores: [] }));
  }

  add({ arm, stratum, values }: MeasuredUser): void {
    const group = this.#open(arm, stratum);
    group.users += 1;
    for (const [index, { winsorize: quantile }] of this.#metrics.entries()) {
      const value = values[index];
      if (value === undefined) continue;
      if (quantile === undefined) addTo(group.metrics[index], value);
      else keep(this.#kept[index], group, value);
    }
  }

  /** What has been added so far. To be asked once: what was kept is lowered and added then. */
  close(): { readonly arm: string; readonly stratum: string; readonly sums: ArmSums }[] {
    for (const [index, { winsorize: quantile }] of this.#metrics.entries()) this.#settle(index, quantile);
    return [...this.#groups.values()].map(({ arm, stratum, users, metrics }) => ({
      ...{ arm, stratum },
      sums: { name: arm, users, metrics: this.#toSums(metrics) },
    }));
  }

  #settle(index: number, quantile: number | undefined): void {
    const kept = this.#kept[index];
    if (quantile === undefined || kept === undefined || kept.values.length === 0) return;
    const { values } = winsorize({ values: kept.values, quantile });
    const befores = kept.befores.length === 0 ? [] : winsorize({ values: kept.befores, quantile }).values;
    for (const [i, group] of kept.groups.entries()) {
      const before = befores[i];
      addTo(group.metrics[index], { value: values[i] ?? 0, ...(before === undefined ? {} : { before }) });
    }
  }

  #toSums(metrics: readonly OpenMetric[]): Record<string, MetricSums> {
    return Object.fromEntries(metrics.map((metric, index) => [this.#metrics[index]?.name ?? "", { ...metric }]));
  }

  #open(arm: string, stratum: string) {
    const known = this.#groups.get(KEY(arm, stratum));
    if (known !== undefined) return known;
    const made = {
      ...{ arm, stratum, users: 0 },
      metrics: this.#metrics.map(() => ({ sum: 0, sumSquares: 0, denominator: undefined, before: undefined })),
    };
    this.#groups.set(KEY(arm, stratum), made);
    return made;
  }
}

function keep(kept: Kept | undefined, group: Open, { value, before }: UserValue): void {
  kept?.groups.push(group);
  kept?.values.push(value);
  if (before !== undefined) kept?.befores.push(before);
}

function addTo(metric: OpenMetric | undefined, { value, denominator, before }: UserValue): void {
  if (metric === undefined) return;
  metric.sum += value;
  metric.sumSquares += value * value;
  if (denominator !== undefined) metric.denominator = addPair(metric.denominator, value, denominator);
  if (before !== undefined) metric.before = addPair(metric.before, value, before);
}

function addPair(pair: OpenMetric["before"], value: number, other: number) {
  const { sum, sumSquares, sumProducts } = pair ?? { sum: 0, sumSquares: 0, sumProducts: 0 };
  return { sum: sum + other, sumSquares: sumSquares + other * other, sumProducts: sumProducts + value * other };
}

/** Sums of parts, added up: arms by arms of the same name. */
export function addArms(parts: readonly ArmSums[], name: string): ArmSums {
  const sums = new Map<string, MetricSums>();
  let users = 0;
  for (const part of parts) {
    users += part.users;
    for (const [metric, one] of Object.entries(part.metrics)) {
      const known = sums.get(metric);
      sums.set(metric, known === undefined ? one : addMetrics(known, one));
    }
  }
  return { name, users, metrics: Object.fromEntries(sums) };
}

function addMetrics(a: MetricSums, b: MetricSums): MetricSums {
  const pair = (one: MetricSums["before"], other: MetricSums["before"]) =>
    one === undefined || other === undefined
      ? (one ?? other)
      : {
          sum: one.sum + other.sum,
          sumSquares: one.sumSquares + other.sumSquares,
          sumProducts: one.sumProducts + other.sumProducts,
        };
  return {
    sum: a.sum + b.sum,
    // Those of a binary metric may be left out, as they are its sum.
    sumSquares: (a.sumSquares ?? a.sum) + (b.sumSquares ?? b.sum),
    denominator: pair(a.denominator, b.denominator),
    before: pair(a.before, b.before),
  };
}
