import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.js";
import type { Event } from "../../gen/intervention/v1/event_pb.js";
import {
  type Touchpoint,
  TouchpointSchema,
  type TrackingService,
  TrackStreamResponseSchema,
} from "../../gen/intervention/v1/tracking_service_pb.js";
import type { EventPublisher } from "../bus/index.ts";
import { AlreadyExists, InvalidInput } from "../domain/errors.ts";
import { findChanged, type SaidOfEvent, type Store } from "../store/index.ts";
import { type AnswerStreamParts, answerStream } from "./answer-stream.ts";
import { getService } from "./authenticate.ts";
import { parseTouchpoint } from "./parse-touchpoint.ts";
import { toStatus } from "./to-connect-error.ts";

/** What tracking works with. */
export type TrackingParts = AnswerStreamParts & {
  readonly events: Pick<EventPublisher, "publish">;
  readonly now: () => Date;
  readonly store: Store;
};

const BATCH_MAX = 1_000;
type Batch = { readonly touchpoints: readonly Touchpoint[]; readonly refuseChanged: boolean };

/** Takes in what other systems report. */
export function trackingService(parts: TrackingParts): ServiceImpl<typeof TrackingService> {
  const { events, now, store } = parts;
  const findRefused = async (given: readonly Touchpoint[], parsed: readonly (Event | InvalidInput)[]) => {
    const said = parsed.flatMap((one, i) => (one instanceof InvalidInput ? [] : toSaid(one, given[i])));
    return findChanged(store, said);
  };
  const trackAll = async (workspaceId: string, { touchpoints: given, refuseChanged }: Batch): Promise<Status[]> => {
    const at = now();
    const parsed = given.map((one) => tryParse(one, workspaceId, at));
    const refused = refuseChanged ? await findRefused(given, parsed) : new Set<string>();
    const good = parsed.filter((one): one is Event => !(one instanceof InvalidInput) && !refused.has(one.eventId));
    // Together: they share messages, and are on disk at the same time or not.
    const failure = await events.publish(good).then(() => undefined, toStatus);
    return parsed.map((one) => {
      if (one instanceof InvalidInput) return toStatus(one);
      if (refused.has(one.eventId)) return toStatus(new AlreadyExists("touchpoint", one.eventId));
      return failure ?? create(StatusSchema);
    });
  };
  return {
    async track({ touchpoint, refuseChanged }, context) {
      const { workspace } = getService(context.values);
      const event = tryParse(touchpoint ?? create(TouchpointSchema), workspace.id, now());
      if (event instanceof InvalidInput)
        throw new InvalidInput(
          event.violations.map(({ field, ...more }) => ({ field: `touchpoint.${field}`, ...more })),
        );
      if (refuseChanged && touchpoint !== undefined && (await findRefused([touchpoint], [event])).has(event.eventId))
        throw new AlreadyExists("touchpoint", event.eventId);
      await events.publish([event]);
      return { eventId: event.eventId };
    },
    async trackBatch(batch, context) {
      const { workspace } = getService(context.values);
      const refusal = findWrongCount(batch.touchpoints.length);
      if (refusal !== undefined) throw refusal;
      return { results: await trackAll(workspace.id, batch) };
    },
    trackStream(requests, context) {
      const { workspace } = getService(context.values);
      return answerStream(requests, {
        ...parts,
        signal: context.signal,
        async answer(batch, index) {
          const refusal = findWrongCount(batch.touchpoints.length);
          const answers =
            refusal === undefined ? trackAll(workspace.id, batch).catch(toStatuses(batch)) : [toStatus(refusal)];
          const results = await answers;
          return create(TrackStreamResponseSchema, { index: BigInt(index), results });
        },
      });
    },
  };
}

/** A stream goes on when one of its batches can't be looked up. */
const toStatuses =
  ({ touchpoints }: Batch) =>
  (error: unknown): Status[] =>
    touchpoints.map(() => toStatus(error));

/** What a caller has said himself. */
function toSaid(event: Event, given: Touchpoint | undefined): SaidOfEvent[] {
  const { eventId, workspace, userId, actionId, currency, valueMinor } = event;
  return [
    {
      ...{ _id: eventId, workspaceId: workspace },
      ...(given?.occurTime === undefined ? {} : { occurredAt: timestampDate(given.occurTime) }),
      ...(userId === "" ? {} : { userId }),
      ...(actionId === "" ? {} : { actionId }),
      ...(currency === "" ? {} : { currency, valueMinor: Number(valueMinor) }),
    },
  ];
}

function tryParse(given: Touchpoint, workspaceId: string, at: Date): Event | InvalidInput {
  try {
    return parseTouchpoint(given, workspaceId, at);
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
}

function findWrongCount(count: number): InvalidInput | undefined {
  if (count >= 1 && count <= BATCH_MAX) return undefined;
  return new InvalidInput([{ field: "touchpoints", description: `there are ${count}; 1 to ${BATCH_MAX} are allowed` }]);
}
