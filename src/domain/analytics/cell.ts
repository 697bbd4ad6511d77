/** What figures can be told apart by. Empty where a thing has none. */
export const DIMENSIONS = ["campaign", "channel", "variant", "template", "locale"] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export type CellKey = Readonly<Record<Dimension, string>>;

/** Amounts of one currency. */
export type Amounts = {
  /** In minor units. */
  readonly valueMinor: number;
  readonly refundedMinor: number;
  /** In millionths of a unit. */
  readonly costMicros: number;
};

/** Everything that was counted of one combination of dimensions in one span. Cells of the same key add up. */
export type Cell = {
  readonly key: CellKey;
  /** By `toCounterName`. */
  readonly counts: Readonly<Record<string, number>>;
  /** By currency. */
  readonly amounts: Readonly<Record<string, Amounts>>;
  /** By the stage that ended, as `[bin, count]` in order of the bins. */
  readonly stages: Readonly<Record<string, readonly (readonly [number, number])[]>>;
};

/** Some events that have everything in common that is counted by. */
export type EventGroup = CellKey & {
  readonly kind: string;
  /** Of decided: the outcome. */
  readonly reason: string;
  /** Of decided: what stopped it. */
  readonly rule: string;
  /** Whether a person was behind it, as far as can be told. */
  readonly byPerson: boolean;
  readonly currency: string;
  readonly stageBin?: number | undefined;
  readonly count: number;
  readonly valueMinor: number;
  readonly costMicros: number;
  /** Those that the users were in when it was decided. Absent: none. */
  readonly segments?: readonly string[];
};

/** What a group counts as: its kind, with the outcome of decided, and `_by_program` where no person was behind it. */
function toCounterName({ kind, reason, byPerson }: Pick<EventGroup, "kind" | "reason" | "byPerson">): string {
  if (kind === "decided") return `decided_${reason}`;
  return byPerson ? kind : `${kind}_by_program`;
}

const toKeyText = (key: CellKey): string => JSON.stringify(DIMENSIONS.map((dimension) => key[dimension]));

const NOTHING: Amounts = { valueMinor: 0, refundedMinor: 0, costMicros: 0 };

/** Adds cells and groups up, cell by cell. */
export class CellSum {
  readonly #cells = new Map<string, Open>();

  addGroup(group: EventGroup): void {
    const open = this.#open(group);
    add(open.counts, toCounterName(group), group.count);
    if (group.rule !== "") add(open.counts, `stopped_by_${group.rule}`, group.count);
    if (group.stageBin !== undefined) addTo(open.stages, group.kind, group.stageBin, group.count);
    if (group.currency === "") return;
    const isRefund = group.kind === "refunded";
    addAmounts(open.amounts, group.currency, {
      valueMinor: isRefund ? 0 : group.valueMinor,
      refundedMinor: isRefund ? group.valueMinor : 0,
      costMicros: group.costMicros,
    });
  }

  addCell({ key, counts, amounts, stages }: Cell): void {
    const open = this.#open(key);
    for (const [name, count] of Object.entries(counts)) add(open.counts, name, count);
    for (const [currency, some] of Object.entries(amounts)) addAmounts(open.amounts, currency, some);
    for (const [stage, bins] of Object.entries(stages))
      for (const [bin, count] of bins) addTo(open.stages, stage, bin, count);
  }

  /** In order of their keys, so that the same counts are the same to the byte. */
  toCells(): Cell[] {
    return [...this.#cells]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { key, counts, amounts, stages }]) => ({
        key,
        counts: toSorted(counts),
        amounts: toSorted(amounts),
        stages: toSorted(new Map([...stages].map(([name, bins]) => [name, [...bins].sort(([a], [b]) => a - b)]))),
      }));
  }

  #open(key: CellKey): Open {
    const text = toKeyText(key);
    const known = this.#cells.get(text);
    if (known !== undefined) return known;
    const { campaign, channel, variant, template, locale } = key;
    const made: Open = {
      key: { campaign, channel, variant, template, locale },
      counts: new Map(),
      amounts: new Map(),
      stages: new Map(),
    };
    this.#cells.set(text, made);
    return made;
  }
}

type Open = {
  readonly key: CellKey;
  readonly counts: Map<string, number>;
  readonly amounts: Map<string, Amounts>;
  readonly stages: Map<string, Map<number, number>>;
};

const add = <K>(counts: Map<K, number>, name: K, count: number) => counts.set(name, (counts.get(name) ?? 0) + count);

function addTo(stages: Open["stages"], stage: string, bin: number, count: number): void {
  const bins = stages.get(stage) ?? new Map<number, number>();
  stages.set(stage, bins);
  add(bins, bin, count);
}

function addAmounts(amounts: Map<string, Amounts>, currency: string, more: Amounts): void {
  const { valueMinor, refundedMinor, costMicros } = amounts.get(currency) ?? NOTHING;
  amounts.set(currency, {
    valueMinor: valueMinor + more.valueMinor,
    refundedMinor: refundedMinor + more.refundedMinor,
    costMicros: costMicros + more.costMicros,
  });
}

function toSorted<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}
