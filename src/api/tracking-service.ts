import { create } from "@bufbuild/protobuf";
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
import { InvalidInput } from "../domain/errors.ts";
import { type AnswerStreamParts, answerStream } from "./answer-stream.ts";
import { getService } from "./authenticate.ts";
import { parseTouchpoint } from "./parse-touchpoint.ts";
import { toStatus } from "./to-connect-error.ts";

/** What tracking works with. */
export type TrackingParts = AnswerStreamParts & {
  readonly events: Pick<EventPublisher, "publish">;
  readonly now: () => Date;
};

const BATCH_MAX = 1_000;

/** Takes in what other systems report. */
export function trackingService(parts: TrackingParts): ServiceImpl<typeof TrackingService> {
  const { events, now } = parts;
  const trackAll = async (workspaceId: string, given: readonly Touchpoint[]): Promise<Status[]> => {
    const at = now();
    const parsed = given.map((one) => tryParse(one, workspaceId, at));
    const good = parsed.filter((one): one is Event => !(one instanceof InvalidInput));
    // Together: they share messages, and are on disk at the same time or not.
    const failure = await events.publish(good).then(() => undefined, toStatus);
    return parsed.map((one) => (one instanceof InvalidInput ? toStatus(one) : (failure ?? create(StatusSchema))));
  };
  return {
    async track({ touchpoint }, context) {
      const { workspace } = getService(context.values);
      const event = tryParse(touchpoint ?? create(TouchpointSchema), workspace.id, now());
      if (event instanceof InvalidInput)
        throw new InvalidInput(
          event.violations.map(({ field, ...more }) => ({ field: `touchpoint.${field}`, ...more })),
        );
      await events.publish([event]);
      return { eventId: event.eventId };
    },
    async trackBatch({ touchpoints }, context) {
      const { workspace } = getService(context.values);
      const refusal = findWrongCount(touchpoints.length);
      if (refusal !== undefined) throw refusal;
      return { results: await trackAll(workspace.id, touchpoints) };
    },
    trackStream(requests, context) {
      const { workspace } = getService(context.values);
      return answerStream(requests, {
        ...parts,
        signal: context.signal,
        async answer({ touchpoints }, index) {
          const refusal = findWrongCount(touchpoints.length);
          const results = refusal === undefined ? await trackAll(workspace.id, touchpoints) : [toStatus(refusal)];
          return create(TrackStreamResponseSchema, { index: BigInt(index), results });
        },
      });
    },
  };
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
