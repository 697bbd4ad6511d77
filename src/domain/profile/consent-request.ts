/** What has become of a consent that was asked for. */
export type ConsentRequestState = "pending" | "confirmed" | "expired";

/** Confirmed once is confirmed, however late it is looked at. */
export function toConsentRequestState(
  { expiresAt, confirmedAt }: { readonly expiresAt: Date; readonly confirmedAt: Date | undefined },
  now: Date,
): ConsentRequestState {
  if (confirmedAt !== undefined) return "confirmed";
  return expiresAt <= now ? "expired" : "pending";
}

/** What the yes goes by in the history of consents, so that it is there once. */
export const toConfirmationId = (requestId: string): string => `confirmed/${requestId}`;
