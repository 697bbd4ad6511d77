import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AttemptOutcome, type Delivery, DeliverySchema } from "../../gen/intervention/v1/delivery_service_pb.js";
import { fromChannelName, OUTSIDE_CHANNELS } from "../domain/delivery/channel-names.ts";
import type { AttemptOutcome as AttemptOutcomeName } from "../domain/delivery/next-step.ts";
import { toProgress } from "../domain/delivery/report.ts";
import { toState } from "../domain/intervention-state.ts";
import { deliveryId, type KnownAttempt, listAttempts, listEvents, listRounds, type Store } from "../store/index.ts";

/** The deliveries by providers of an intervention: those of its decisions, and whatever was attempted. */
export async function listDeliveriesOf(store: Store, workspaceId: string, interventionId: string): Promise<Delivery[]> {
  const [rounds, attempts, events] = await Promise.all([
    listRounds(store, workspaceId, interventionId),
    listAttempts(store, workspaceId, interventionId),
    listEvents(store, workspaceId, interventionId),
  ]);
  const byChannel = Map.groupBy(attempts, ({ attempt }) => attempt.channel);
  return OUTSIDE_CHANNELS.flatMap((channel) => {
    const its = byChannel.get(channel) ?? [];
    if (its.length === 0 && !rounds.some((round) => round.outcome === "send" && round.channel === channel)) return [];
    return create(DeliverySchema, {
      deliveryId: deliveryId(interventionId, channel),
      interventionId,
      channel: fromChannelName(channel),
      state: toState({ outcome: "send", channel }, events.filter((event) => event.channel === channel).map(toProgress)),
      attempts: its.map(toAttempt),
    });
  });
}

const OUTCOMES: Readonly<Record<AttemptOutcomeName, AttemptOutcome>> = {
  sent: AttemptOutcome.SENT,
  retry: AttemptOutcome.RETRY,
  give_up: AttemptOutcome.GIVE_UP,
  suppress: AttemptOutcome.SUPPRESS,
  bad_credential: AttemptOutcome.BAD_CREDENTIAL,
  unknown: AttemptOutcome.UNKNOWN,
  put_back: AttemptOutcome.PUT_BACK,
  expired: AttemptOutcome.EXPIRED,
  cancelled: AttemptOutcome.CANCELLED,
  refused: AttemptOutcome.REFUSED,
};

const toAttempt = ({ attempt, result }: KnownAttempt) => ({
  attempt: attempt.attempt,
  provider: attempt.provider,
  accountId: attempt.accountId,
  startTime: timestampFromDate(attempt.startedAt),
  leaseEndTime: timestampFromDate(attempt.leaseUntil),
  maybeTwice: attempt.maybeTwice === true,
  outcome: result === undefined ? AttemptOutcome.UNSPECIFIED : OUTCOMES[result.outcome],
  reason: result?.reason ?? "",
  providerMessageId: result?.providerMessageId ?? "",
  ...(result === undefined ? {} : { endTime: timestampFromDate(result.endedAt) }),
});
