export { findConsumer, findOldestOfMs, findOldestWaitingMs, trimAcknowledged } from "./acknowledged.ts";
export { BatchPublisher, createRealtimePublisher, type OutgoingMessage } from "./batch-publisher.ts";
export { type Bus, type BusOptions, connectBus } from "./connect-bus.ts";
export {
  bury,
  type DeadLetter,
  dropDeadLetter,
  listDeadLetters,
  replayDeadLetter,
  toLetterNumber,
} from "./dead-letters.ts";
export { DECIDE_LANES, toDecider } from "./decide-lanes.ts";
export { scheduleDecision, unscheduleDecision } from "./delayed.ts";
export { countPutOff, type PutOff, putOff, toDispatchItem } from "./dispatch.ts";
export { EventPublisher, toKindName } from "./event-publisher.ts";
export { toInterventionItem } from "./intervention-item.ts";
export { PackedPublisher, packItems } from "./packed-publisher.ts";
export { buryReport, parkReport } from "./parked-reports.ts";
export { PresenceAnnouncer, PresenceView } from "./presence.ts";
export { readBatch } from "./read-batch.ts";
export { REPUBLISHED, REPUBLISHED_AFTER_OUT } from "./republished.ts";
export { findScheduled, replaceScheduled } from "./scheduled.ts";
export {
  PRIORITIES,
  PRIORITY_NAMES,
  type PriorityName,
  STREAM_NAMES,
  type StreamName,
  type Subjects,
  toSubjectToken,
} from "./subjects.ts";
export { UnsyncedServer } from "./sync-check.ts";
export { type Rest, Worker } from "./worker.ts";
