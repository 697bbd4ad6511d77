import type { DeliveryMessage } from "../../gen/intervention/v1/bus_pb.js";
import { invariant } from "../domain/assert.ts";
import { type OutsideChannelName, toOutsideChannel } from "../domain/delivery/channel-names.ts";
import type { EndedAttempt } from "../domain/delivery/next-step.ts";
import {
  type AttemptDocument,
  type AttemptResultDocument,
  attemptId,
  deliveryId,
  type ProviderAccountDocument,
  toSentAs,
} from "../store/index.ts";
import type { Ended } from "./follow-up.ts";
import type { CallResult } from "./senders.ts";

/** A delivery on its way, with what is known of it by its message alone. */
export type Open = { readonly delivery: DeliveryMessage; readonly id: string; readonly channel: OutsideChannelName };

const REASON_CHARACTERS_MAX = 500;

export function toOpen(delivery: DeliveryMessage): Open {
  const channel = toOutsideChannel(delivery.channel);
  invariant(channel !== undefined, "only what a provider carries comes here");
  return { delivery, channel, id: deliveryId(delivery.intervention?.interventionId ?? "", channel) };
}

/** The right to one attempt, by an account. */
export function toAttemptDocument(
  { delivery, id, channel }: Open,
  more: Pick<AttemptDocument, "worker" | "startedAt" | "leaseUntil"> & { readonly account: ProviderAccountDocument },
): AttemptDocument {
  const { account, ...claim } = more;
  return {
    _id: attemptId(id, delivery.attempt),
    workspaceId: delivery.intervention?.workspace ?? "",
    userId: delivery.intervention?.recipient?.userId ?? "",
    interventionId: delivery.intervention?.interventionId ?? "",
    channel,
    attempt: delivery.attempt,
    accountId: account._id,
    provider: account.provider,
    ...claim,
    ...(delivery.maybeTwice ? { maybeTwice: true } : {}),
    ...((delivery.intervention?.fallback ?? 0) > 0 ? { isFallback: true } : {}),
  };
}

/** How an attempt has ended that a provider was asked for, or that was not to be made. */
export function toEnded(
  result: CallResult | { readonly kind: "expired" | "cancelled" | "refused"; readonly reason: string },
  account: string,
): EndedAttempt & { readonly providerMessageId: string } {
  return {
    outcome: result.kind,
    reason: "reason" in result ? result.reason.slice(0, REASON_CHARACTERS_MAX) : "",
    account,
    providerMessageId: result.kind === "sent" ? result.providerMessageId : "",
    ...(result.kind === "retry" && result.retryAfterMs !== undefined ? { retryAfterMs: result.retryAfterMs } : {}),
  };
}

/** How an attempt has ended, as it is recorded.
 *  @param options.hasCallbacks whether the provider will tell more of it, and so must find it. */
export function toResultDocument(
  { delivery, ended }: Ended,
  { endedAt, hasCallbacks }: { readonly endedAt: Date; readonly hasCallbacks: boolean },
): AttemptResultDocument {
  const { outcome, reason, providerMessageId, account, retryAfterMs } = ended;
  return {
    _id: attemptId(toOpen(delivery).id, delivery.attempt),
    workspaceId: delivery.intervention?.workspace ?? "",
    userId: delivery.intervention?.recipient?.userId ?? "",
    ...{ outcome, reason, providerMessageId, endedAt },
    ...(hasCallbacks && providerMessageId !== "" ? { sentAs: toSentAs(account, providerMessageId) } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** How one has ended whose lease is over. */
export const toLost = ({ accountId }: AttemptDocument) =>
  ({
    outcome: "unknown",
    reason: "whoever sent it did not come to say how it ended",
    account: accountId,
    providerMessageId: "",
  }) as const;
