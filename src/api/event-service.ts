import { create, toBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { z } from "zod";
import { type Status, StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { type EventService, IngestEventStreamResponseSchema } from "../../gen/intervention/v1/event_service_pb.js";
import { type Context, type ShopEvent, ShopEventSchema } from "../../gen/intervention/v1/shopper_pb.js";
import { type Bus, PackedPublisher } from "../bus/index.ts";
import { checkShopEvent } from "../domain/context/index.ts";
import { InvalidInput } from "../domain/errors.ts";
import { type AnswerStreamParts, answerStream } from "./answer-stream.ts";
import { getService } from "./authenticate.ts";
import { checked, parseFields } from "./field-checks.ts";
import { USER_ID } from "./parse-trigger.ts";
import { toStatus } from "./to-connect-error.ts";

/** What the service stands on. */
export type EventServiceParts = AnswerStreamParts & {
  readonly bus: Bus;
  readonly now: () => Date;
  readonly findContext: (workspaceId: string, userId: string) => Promise<Context>;
};

const BATCH_MAX = 1_000;
const userSchema = z.object({ userId: checked(...USER_ID) });

/** Takes what shoppers do, by the same stream that others put their events on. */
export function eventService(parts: EventServiceParts): ServiceImpl<typeof EventService> {
  const { bus, findContext, now } = parts;
  const publisher = new PackedPublisher(bus);
  /** @throws InvalidInput naming every bad field; Unavailable when it may not be on disk, and trying again is safe. */
  const ingest = async (workspaceId: string, event: ShopEvent): Promise<void> => {
    const problems = checkShopEvent(event, { now: now() });
    if (problems.length > 0)
      throw new InvalidInput(problems.map(({ field, ...rest }) => ({ field: `event.${field}`, ...rest })));
    await publisher.publish([
      { subject: bus.subjects.shopEvents(workspaceId), body: toBinary(ShopEventSchema, event) },
    ]);
  };
  const ingestAll = (workspaceId: string, events: readonly ShopEvent[]): Promise<Status[]> =>
    Promise.all(events.map((event) => ingest(workspaceId, event).then(() => create(StatusSchema), toStatus)));
  return {
    async ingest({ event }, context) {
      await ingest(getService(context.values).workspace.id, event ?? create(ShopEventSchema));
      return {};
    },
    async ingestBatch({ events }, context) {
      const { workspace } = getService(context.values);
      const refusal = findWrongCount(events.length);
      if (refusal !== undefined) throw refusal;
      return { results: await ingestAll(workspace.id, events) };
    },
    ingestStream(requests, context) {
      const { workspace } = getService(context.values);
      return answerStream(requests, {
        ...parts,
        signal: context.signal,
        async answer({ events }, index) {
          const refusal = findWrongCount(events.length);
          const results = refusal === undefined ? await ingestAll(workspace.id, events) : [toStatus(refusal)];
          return create(IngestEventStreamResponseSchema, { index: BigInt(index), results });
        },
      });
    },
    async getContext(request, context) {
      const { workspace } = getService(context.values);
      const { userId } = parseFields(userSchema, request);
      return { context: await findContext(workspace.id, userId) };
    },
  };
}

function findWrongCount(count: number): InvalidInput | undefined {
  if (count >= 1 && count <= BATCH_MAX) return undefined;
  return new InvalidInput([{ field: "events", description: `there are ${count}; 1 to ${BATCH_MAX} are allowed` }]);
}
