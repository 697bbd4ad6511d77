export { BatchPublisher, type OutgoingMessage } from "./batch-publisher.ts";
export { type Bus, type BusOptions, connectBus } from "./connect-bus.ts";
export { type DeadLetter, dropDeadLetter, listDeadLetters, replayDeadLetter } from "./dead-letters.ts";
export { scheduleDecision, unscheduleDecision } from "./delayed.ts";
export { EventPublisher, toKindName } from "./event-publisher.ts";
export { PresenceAnnouncer, PresenceView } from "./presence.ts";
export { type StreamName, type Subjects, toSubjectToken } from "./subjects.ts";
export { UnsyncedServer } from "./sync-check.ts";
export { Worker } from "./worker.ts";
