import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import { Channel } from "../../gen/intervention/v1/intervention_pb.js";
import type { ClientEvent } from "../../gen/intervention/v1/realtime_pb.js";

/** What came of a track frame: events to put on TRACKING, with their refs, and those that can never be taken. */
export type TrackOutcome = {
  readonly events: readonly Event[];
  readonly refs: readonly string[];
  readonly refusedRefs: readonly string[];
  /** Of the first refused one. */
  readonly refusal: string | undefined;
};

/** Whose events they are; from the token, never from the frame. */
export type TrackSource = { readonly workspaceId: string; readonly userId: string };

/** More of them in one frame are refused. */
export const EVENTS_PER_FRAME_MAX = 100;
/** A device's clock may be a little fast ... */
const AHEAD_MS_MAX = 5 * 60_000;
/** ... and its offline queue old; a time beyond these is no time but a broken clock. */
const OLD_MS_MAX = 30 * 86_400_000;

const KIND_NAMES: ReadonlyMap<EventKind, string> = new Map([
  [EventKind.DELIVERED, "delivered"],
  [EventKind.DISPLAYED, "displayed"],
  [EventKind.CLICKED, "clicked"],
  [EventKind.DISMISSED, "dismissed"],
]);
const ID = /^[A-Za-z0-9_-]{1,64}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const LABEL = /^[^\u0000-\u001f\u007f]{1,64}$/;

/** Turns what a client reports into events. Each is judged for itself: a bad one does not hold up the others. */
export function toTrackOutcome(reported: readonly ClientEvent[], source: TrackSource, receivedAt: Date): TrackOutcome {
  const events: Event[] = [];
  const refs: string[] = [];
  const refusedRefs: string[] = [];
  let refusal: string | undefined;
  for (const one of reported) {
    const problem = findProblem(one);
    if (problem === undefined) {
      events.push(toEvent(one, source, receivedAt));
      refs.push(one.ref);
    } else {
      refusal ??= problem;
      // A ref that is no ref can't be named, and one too long is not repeated back.
      if (LABEL.test(one.ref)) refusedRefs.push(one.ref);
    }
  }
  return { events, refs, refusedRefs, refusal };
}

function findProblem(one: ClientEvent): string | undefined {
  if (!LABEL.test(one.ref)) return "ref: 1 to 64 characters";
  if (!KIND_NAMES.has(one.kind)) return "kind: delivered, displayed, clicked or dismissed";
  if (!ID.test(one.interventionId)) return "intervention_id: the id of an intervention";
  if (one.kind !== EventKind.CLICKED) return undefined;
  if (!LABEL.test(one.clickId)) return "click_id: 1 to 64 characters, for clicked";
  if (one.actionId !== "" && !LABEL.test(one.actionId)) return "action_id: up to 64 characters";
  return undefined;
}

function toEvent(one: ClientEvent, source: TrackSource, receivedAt: Date): Event {
  const isClick = one.kind === EventKind.CLICKED;
  const receiveTime = timestampFromDate(receivedAt);
  return create(EventSchema, {
    eventId: `${one.interventionId}:${KIND_NAMES.get(one.kind)}${isClick ? `:${one.clickId}` : ""}`,
    kind: one.kind,
    workspace: source.workspaceId,
    interventionId: one.interventionId,
    userId: source.userId,
    channel: Channel.REALTIME,
    occurTime: isCredible(one.occurTime, receivedAt) ? one.occurTime : receiveTime,
    receiveTime,
    actionId: isClick ? one.actionId : "",
  });
}

function isCredible(time: Timestamp | undefined, receivedAt: Date): time is Timestamp {
  if (time === undefined || time.nanos < 0 || time.nanos > 999_999_999) return false;
  const ms = timestampMs(time);
  return ms <= receivedAt.getTime() + AHEAD_MS_MAX && ms >= receivedAt.getTime() - OLD_MS_MAX;
}
