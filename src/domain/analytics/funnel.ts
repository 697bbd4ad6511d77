import type { Cell } from "./cell.ts";

/** How many came how far. */
export type Funnel = {
  readonly steps: readonly {
    readonly name: string;
    readonly count: number;
    readonly rate: number;
    readonly byProgram: number;
  }[];
  readonly dropOffs: readonly { readonly after: string; readonly reason: string; readonly count: number }[];
};

/** Each step with the counters that make it up. */
const STEPS: readonly (readonly [string, readonly string[]])[] = [
  ["accepted", ["accepted"]],
  ["decided", ["decided_send"]],
  ["sent", ["sent", "inboxed"]],
  ["delivered", ["delivered"]],
  ["displayed", ["displayed"]],
  ["clicked", ["clicked"]],
  ["converted", ["converted"]],
];

/** Why some went no further, after the step. */
const ENDS: readonly (readonly [string, readonly string[]])[] = [
  ["accepted", ["decided_expire", "decided_cancel"]],
  ["decided", ["failed", "uncertain"]],
  ["sent", ["bounced", "expired", "cancelled"]],
  ["displayed", ["dismissed", "complained", "unsubscribed"]],
];

/** The funnel of figures that were added up. "Decided" are those to be sent; what rules stopped are drop-offs after "accepted", by rule. */
export function toFunnel({ counts }: Pick<Cell, "counts">): Funnel {
  const sum = (names: readonly string[]) => names.reduce((total, name) => total + (counts[name] ?? 0), 0);
  let before: number | undefined;
  const steps = STEPS.map(([name, counters]) => {
    const count = sum(counters);
    const rate = before === undefined || before === 0 ? 0 : count / before;
    before = count;
    return { name, count, rate, byProgram: sum(counters.map((counter) => `${counter}_by_program`)) };
  });
  const stopped = Object.entries(counts).flatMap(([name, count]) => {
    const rule = /^stopped_by_(.+)$/.exec(name)?.[1];
    return rule === undefined ? [] : [{ after: "accepted", reason: rule, count }];
  });
  const ended = ENDS.flatMap(([after, names]) =>
    names.flatMap((name) => {
      const count = counts[name] ?? 0;
      return count === 0 ? [] : [{ after, reason: name.replace("decided_", ""), count }];
    }),
  );
  const dropOffs = [...stopped, ...ended].sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
  return { steps, dropOffs };
}
