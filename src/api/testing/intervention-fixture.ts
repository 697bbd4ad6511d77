import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { EventKind, EventSchema } from "../../../gen/intervention/v1/event_pb.js";
import { insertEvents } from "../../store/index.ts";
import { startCallers } from "./start-callers.ts";

export const SERVICE = "intervention.v1.InterventionService";
/** Could be an id of ours, and is none. */
export const UNKNOWN_ID = "a".repeat(26);

/** The API with a client of its workspace and one of another's, and what tests of an intervention's life need again and again. */
export async function startFixture() {
  const api = await startCallers(SERVICE);
  const { call } = api;
  return {
    ...api,
    /** @returns its id. */
    async accept(more: object = {}): Promise<string> {
      const request = { recipient: { userId: "u" }, content: { title: "Hello" }, campaign: "spring", ...more };
      return String((await call("Trigger", request)).body.interventionId);
    },
    stateOf: async (id: string) => (await call("Get", { name: id })).body.intervention,
    /** Puts an event on the stream. */
    publish: (id: string, kind: EventKind, more: { eventId?: string; workspace?: string } = {}) =>
      api.api.events.publish([
        create(EventSchema, {
          ...{
            eventId: `${id}:${EventKind[kind].toLowerCase()}`,
            kind,
            workspace: "main",
            interventionId: id,
            userId: "u",
          },
          occurTime: timestampFromDate(new Date()),
          ...more,
        }),
      ]),
    /** Puts an event into the store, past the stream. */
    storeEvent: (id: string, kind: string, at = new Date()) =>
      insertEvents(api.store, [
        {
          _id: `${id}:${kind}`,
          ...{ workspaceId: "main", interventionId: id, userId: "u", kind, campaign: "spring", channel: "realtime" },
          ...{ occurredAt: at, receivedAt: at },
        },
      ]),
  };
}
