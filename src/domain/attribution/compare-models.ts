import { allocate } from "./allocate.ts";
import type { ChannelPath } from "./channel-path.ts";
import type { PathModelName } from "./credit-order.ts";
import { markovAttribution } from "./markov-attribution.ts";
import { shapleyAttribution } from "./shapley-attribution.ts";

/** An order as models are compared by: its net value, the groups on its path, and what each path model credits to each of them. */
export type ComparedOrder = {
  readonly netMinor: number;
  readonly groups: readonly string[];
  readonly credits: Readonly<Record<PathModelName, readonly number[]>>;
};

/** What each model credits to each group, in minor units; every model's credits sum to the same. */
export type ComparedModels = {
  readonly byGroup: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly unattributedMinor: number;
};

/** Sums path models up, and has those that look at all paths together share out the same total by the conversions they credit. Only
 *  paths that led to an order are looked at. */
export class ModelComparison {
  readonly #byGroup = new Map<string, Map<string, number>>();
  readonly #paths = new Map<string, { readonly path: readonly string[]; conversions: number }>();
  #total = 0;
  #unattributed = 0;

  add({ netMinor, groups, credits }: ComparedOrder): void {
    if (groups.length === 0) {
      this.#unattributed += netMinor;
      return;
    }
    this.#total += netMinor;
    for (const [model, shares] of Object.entries(credits))
      for (const [i, group] of groups.entries()) this.#credit(group, model, shares[i] ?? 0);
    const key = JSON.stringify(groups);
    const known = this.#paths.get(key) ?? { path: groups, conversions: 0 };
    known.conversions += 1;
    this.#paths.set(key, known);
  }

  toResult(): ComparedModels {
    const paths: ChannelPath[] = [...this.#paths.values()].map((one) => ({ ...one, nulls: 0 }));
    if (paths.length > 0) {
      this.#share("markov_1", markovAttribution(paths, 1).conversions);
      this.#share("markov_2", markovAttribution(paths, 2).conversions);
      this.#share("shapley", shapleyAttribution(paths, "conversions").credits);
    }
    const byGroup = new Map([...this.#byGroup].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { byGroup, unattributedMinor: this.#unattributed };
  }

  /** Weights are conversions, which are fractions: in parts of a billionth. */
  #share(model: string, conversions: ReadonlyMap<string, number>): void {
    const groups = [...conversions];
    const weights = groups.map(([, count]) => BigInt(Math.round(count * 1e9)));
    if (!weights.some((weight) => weight > 0n)) return;
    for (const [i, share] of allocate(this.#total, weights).entries()) this.#credit(groups[i]?.[0] ?? "", model, share);
  }

  #credit(group: string, model: string, minor: number): void {
    const models = this.#byGroup.get(group) ?? new Map<string, number>();
    this.#byGroup.set(group, models);
    models.set(model, (models.get(model) ?? 0) + minor);
  }
}
