/** Which account sends: of those that can, in their order, one with the fewest failures with this delivery. So one that fails
 *  hands over to the next, and what has failed everywhere begins again at the first.
 *  @returns undefined when there is none. */
export function chooseAccount<T extends { readonly id: string }>(
  accounts: readonly T[],
  failedAccounts: readonly string[],
): T | undefined {
  const failures = (id: string) => failedAccounts.filter((one) => one === id).length;
  return accounts.reduce<T | undefined>(
    (best, one) => (best === undefined || failures(one.id) < failures(best.id) ? one : best),
    undefined,
  );
}
