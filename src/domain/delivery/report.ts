/** What a provider tells of a message after having taken it.
 *
 *  - `delivered`: the address has it: the mail server, or the handset.
 *  - `bounced`: the address does not take it and never will.
 *  - `soft_bounced`: it did not take this one, and may take the next: a full mailbox, a handset that was off.
 *  - `rejected`: the provider itself has changed its mind: a virus, a carrier's filter.
 *  - `complained`: its reader calls it spam.
 *  - `displayed`, `clicked`: as the provider's own pictures and links tell. */
export type ReportKind = "delivered" | "bounced" | "soft_bounced" | "rejected" | "complained" | "displayed" | "clicked";

const SOFT = "soft";
const REJECTED = "rejected";

/** What the id of an event ends with, after its kind, where a report says something else than the engine's own event of that kind. */
export const REPORT_SUFFIXES: Readonly<Partial<Record<ReportKind, string>>> = {
  soft_bounced: SOFT,
  rejected: REJECTED,
};

/** How far an event says that a delivery has come: its kind, or what a report means by that. */
export function toProgress({ _id, kind }: { readonly _id: string; readonly kind: string }): string {
  if (kind === "bounced" && _id.endsWith(`:${SOFT}`)) return "soft_bounced";
  if (kind === "failed" && _id.endsWith(`:${REJECTED}`)) return "rejected";
  return kind;
}
