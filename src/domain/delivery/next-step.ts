import { DeliveryGuarantee, type Policy } from "../../../gen/intervention/v1/intervention_pb.js";
import { Purpose } from "../../../gen/intervention/v1/profile_pb.js";
import { assertNever } from "../assert.ts";
import { toBackoffMs } from "../outward/backoff.ts";

/** It is given up after so many attempts, over some nine hours. */
export const ATTEMPTS_MAX = 10;

/** What became of an attempt. Beside what providers say:
 *
 *  - `put_back`: nothing was sent, since its time had run out before its turn came; it counts for nothing.
 *  - `expired`, `cancelled`, `refused`: a last look found that it shall not be sent any more. */
export type AttemptOutcome =
  | "sent"
  | "retry"
  | "give_up"
  | "suppress"
  | "bad_credential"
  | "unknown"
  | "put_back"
  | "expired"
  | "cancelled"
  | "refused";

/** An attempt that has come to an end. */
export type EndedAttempt = {
  readonly outcome: AttemptOutcome;
  readonly reason: string;
  readonly account: string;
  /** What the provider asked for. */
  readonly retryAfterMs?: number | undefined;
};

/** Where its delivery stands. */
export type DeliveryStanding = {
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly failedAccounts: readonly string[];
  readonly guarantee: "at_most_once" | "at_least_once";
  readonly expireAt: Date | undefined;
};

/** What follows from it.
 *
 *  - `end`: nothing more is sent; `event` tells the world. `isDead`: an operator should look at it, and may send it again.
 *  - `again`: the next attempt, at a time. */
export type NextStep =
  | {
      readonly kind: "end";
      readonly event: "sent" | "failed" | "uncertain" | "expired" | undefined;
      readonly reason: string;
      readonly isDead: boolean;
    }
  | {
      readonly kind: "again";
      readonly at: Date;
      readonly attempt: number;
      readonly attemptsMax: number;
      readonly failedAccounts: readonly string[];
      readonly maybeTwice: boolean;
    };

/** What is to be done after an attempt: a table, and the arithmetic of waiting.
 *  @param world.accounts that could send it now. @param world.random 0 to 1, 1 excluded. */
export function toNextStep(
  ended: EndedAttempt,
  standing: DeliveryStanding,
  world: { readonly now: Date; readonly random: number; readonly accounts: readonly string[] },
): NextStep {
  const { outcome, reason } = ended;
  switch (outcome) {
    case "sent":
      return end("sent", "");
    case "give_up":
    case "suppress":
    case "refused":
      return end("failed", reason);
    case "expired":
      return end("expired", reason);
    case "cancelled":
      return end(undefined, reason);
    case "put_back":
      return again(standing, world.now, { attemptsMax: standing.attemptsMax + 1 });
    case "unknown":
      if (standing.guarantee === "at_most_once") return end("uncertain", reason);
      return standing.attempt >= standing.attemptsMax
        ? end("uncertain", reason)
        : again(standing, world.now, { maybeTwice: true });
    case "retry":
    case "bad_credential":
      return toRetry(ended, standing, world);
    default:
      return assertNever(outcome);
  }
}

function toRetry(
  { account, reason, retryAfterMs }: EndedAttempt,
  standing: DeliveryStanding,
  world: { readonly now: Date; readonly random: number; readonly accounts: readonly string[] },
): NextStep {
  if (standing.attempt >= standing.attemptsMax) return { ...end("failed", reason), isDead: true };
  const failedAccounts = [...standing.failedAccounts, account];
  // One that has not been tried yet is tried at once; a round through all of them is one failure to wait after.
  const isAnotherLeft = world.accounts.some((one) => !failedAccounts.includes(one));
  const failures = Math.ceil(failedAccounts.length / Math.max(1, world.accounts.length));
  const waitMs = isAnotherLeft ? 0 : toBackoffMs({ failures, random: world.random, askedMs: retryAfterMs });
  const at = new Date(world.now.getTime() + waitMs);
  if (standing.expireAt !== undefined && at >= standing.expireAt)
    return end("expired", `${reason}; it would be tried again after its expiry`);
  return again(standing, at, { failedAccounts });
}

const end = (event: "sent" | "failed" | "uncertain" | "expired" | undefined, reason: string) =>
  ({ kind: "end", event, reason, isDead: false }) as const;

const again = (
  { attempt, attemptsMax, failedAccounts }: DeliveryStanding,
  at: Date,
  changes: Partial<Pick<Extract<NextStep, { kind: "again" }>, "attemptsMax" | "failedAccounts" | "maybeTwice">>,
): NextStep => ({
  kind: "again",
  at,
  attempt: attempt + 1,
  attemptsMax,
  failedAccounts,
  maybeTwice: false,
  ...changes,
});

/** What was asked for, or what its purpose means. */
export function toGuarantee(policy: Pick<Policy, "deliveryGuarantee" | "purpose"> | undefined) {
  if (policy?.deliveryGuarantee === DeliveryGuarantee.AT_LEAST_ONCE) return "at_least_once";
  if (policy?.deliveryGuarantee === DeliveryGuarantee.AT_MOST_ONCE) return "at_most_once";
  return policy?.purpose === Purpose.SERVICE ? "at_least_once" : "at_most_once";
}
