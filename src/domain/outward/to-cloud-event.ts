import { create, toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Event, EventKind, EventSchema } from "../../../gen/intervention/v1/event_pb.js";

/** An event as it leaves the engine: CloudEvents 1.0 in its JSON format, and at once a payload as Standard Webhooks wants it
 *  (`type`, `timestamp`, `data`). */
export type CloudEventJson = {
  readonly specversion: "1.0";
  /** The event's id: with `source` it makes the event unique. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** The intervention. */
  readonly subject?: string;
  /** RFC 3339: when it happened. */
  readonly time: string;
  /** The same, under the name that Standard Webhooks give it. */
  readonly timestamp: string;
  readonly datacontenttype: "application/json";
  /** W3C trace context, if it was sampled. */
  readonly traceparent?: string;
  readonly data: unknown;
};

const toSource = (workspace: string) => `/workspaces/${workspace}`;

/** @param receivedAt stands in for the time of an event that does not say it. */
export function toCloudEvent(event: Event, receivedAt: Date): CloudEventJson {
  const at = event.occurTime ?? event.receiveTime;
  const time = (at === undefined ? receivedAt : timestampDate(at)).toISOString();
  return {
    specversion: "1.0",
    id: event.eventId,
    source: toSource(event.workspace),
    type: `intervention.${EventKind[event.kind].toLowerCase()}`,
    subject: event.interventionId,
    time,
    timestamp: time,
    datacontenttype: "application/json",
    ...(event.traceParent === "" ? {} : { traceparent: event.traceParent }),
    data: toJson(EventSchema, create(EventSchema, { ...event, traceParent: "" })),
  };
}

/** What an endpoint gets when it is tried out. */
export function toTestEvent(workspace: string, id: string, now: Date): CloudEventJson {
  return {
    specversion: "1.0",
    id,
    source: toSource(workspace),
    type: "webhook.test",
    time: now.toISOString(),
    timestamp: now.toISOString(),
    datacontenttype: "application/json",
    data: { workspace },
  };
}
