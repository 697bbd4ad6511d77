import { type FieldViolation, InvalidInput } from "../domain/errors.ts";
import { type EventCollection, listRetention, type Store, setRetention } from "../store/index.ts";
import { PERSONAL_COLLECTIONS, type PersonalCollection } from "./collections.ts";

/** How long a kind of data is kept. */
export type RetentionRule = {
  readonly kind: string;
  /** 0: for ever. */
  readonly days: number;
  readonly collection: string;
  /** The time in the document that is counted from. Absent: when its intervention was accepted, or of what is archived when it happened. */
  readonly timeField?: string;
  readonly ofInterventions?: PersonalCollection["ofInterventions"];
  readonly isCounted: boolean;
  readonly archivedAs?: EventCollection;
};

/** The ledger: when it goes, what belongs to it goes too. */
export const LEDGER_KIND = "interventions";
const DAYS_MAX = 3_650;

/** Every kind, by name, as a workspace has it. */
export async function listRules(store: Store, workspaceId: string): Promise<RetentionRule[]> {
  const own = await listRetention(store, workspaceId);
  const rules: RetentionRule[] = [];
  for (const [collection, { retention, ofInterventions }] of PERSONAL_COLLECTIONS) {
    if (retention === undefined) continue;
    const { kind, timeField, days = 0, isCounted = false, archivedAs } = retention;
    rules.push({
      ...{ kind, collection, days: own.get(kind) ?? days, isCounted },
      ...(archivedAs === undefined ? {} : { archivedAs }),
      ...(timeField === undefined ? {} : { timeField }),
      ...(ofInterventions === undefined ? {} : { ofInterventions }),
    });
  }
  return rules.sort((a, b) => (a.kind < b.kind ? -1 : 1));
}

/** @throws InvalidInput when there is no such kind, or the days can't be. */
export async function changeRule(
  store: Store,
  change: { readonly workspaceId: string; readonly kind: string; readonly days: number },
): Promise<RetentionRule> {
  const rules = await listRules(store, change.workspaceId);
  const rule = rules.find(({ kind }) => kind === change.kind);
  const violations: FieldViolation[] = [];
  if (rule === undefined)
    violations.push({ field: "kind", description: `it is none of ${rules.map(({ kind }) => kind).join(", ")}` });
  if (change.days < 0 || change.days > DAYS_MAX)
    violations.push({ field: "days", description: `${change.days} is not in 0-${DAYS_MAX}` });
  else violations.push(...findContradiction(rules, change));
  if (rule === undefined || violations.length > 0) throw new InvalidInput(violations);
  await setRetention(store, change);
  return { ...rule, days: change.days };
}

const orForEver = (days: number) => (days === 0 ? Number.POSITIVE_INFINITY : days);

/** Nothing of an intervention can outlive it, so nobody may ask for that; what is kept for ever goes with it anyway. */
function findContradiction(
  rules: readonly RetentionRule[],
  { kind, days }: { readonly kind: string; readonly days: number },
): FieldViolation[] {
  const ledger = rules.find((rule) => rule.kind === LEDGER_KIND);
  const rule = rules.find((one) => one.kind === kind);
  if (ledger === undefined || rule?.ofInterventions === undefined) return [];
  const isLedger = kind === LEDGER_KIND;
  const longest = isLedger
    ? Math.max(
        0,
        ...rules.filter((one) => one.ofInterventions !== undefined && !isSame(one, ledger)).map((one) => one.days),
      )
    : days;
  const ledgerDays = orForEver(isLedger ? days : ledger.days);
  return longest <= ledgerDays
    ? []
    : [
        {
          field: "days",
          description: `what belongs to interventions would be kept ${longest} days, they themselves ${ledgerDays}`,
        },
      ];
}

const isSame = (a: RetentionRule, b: RetentionRule) => a.kind === b.kind;
