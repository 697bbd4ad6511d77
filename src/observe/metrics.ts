import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Seconds; the engine's figures lie between a millisecond and a second. */
const DURATION_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** Every metric of the engine. Labels are closed sets. */
export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    rpcDuration: new Histogram({
      registers,
      name: "intervention_rpc_duration_seconds",
      help: "time to answer an RPC",
      labelNames: ["service", "method", "code"],
      buckets: DURATION_BUCKETS,
    }),
    accepted: new Counter({
      registers,
      name: "intervention_accepted_total",
      help: "interventions accepted, by whether they were new",
      labelNames: ["result"],
    }),
    acceptCommitSize: new Histogram({
      registers,
      name: "intervention_accept_commit_size",
      help: "interventions that shared one commit",
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
    }),
    decisions: new Counter({
      registers,
      name: "intervention_decisions_total",
      help: "decisions made, by outcome and channel",
      labelNames: ["outcome", "channel"],
    }),
    decideLag: new Histogram({
      registers,
      name: "intervention_decide_lag_seconds",
      help: "time from accepting to deciding, first round only",
      buckets: DURATION_BUCKETS,
    }),
    capConflicts: new Counter({
      registers,
      name: "intervention_cap_conflicts_total",
      help: "decisions made again because another decider sent to the same user",
    }),
    events: new Counter({
      registers,
      name: "intervention_events_total",
      help: "events stored, by kind",
      labelNames: ["kind"],
    }),
    eventsRepeated: new Counter({
      registers,
      name: "intervention_events_repeated_total",
      help: "events that were stored before",
    }),
    profileLookups: new Counter({
      registers,
      name: "intervention_profile_lookups_total",
      help: "users looked up at the data-intelligence service, by how that came out",
      labelNames: ["outcome"],
    }),
    dataIntelligenceDuration: new Histogram({
      registers,
      name: "intervention_data_intelligence_duration_seconds",
      help: "time of a call to the data-intelligence service, by how it ended",
      labelNames: ["result"],
      buckets: DURATION_BUCKETS,
    }),
    jwksReads: new Counter({
      registers,
      name: "intervention_jwks_reads_total",
      help: "attempts to read an identity provider's keys, by what came of them",
      labelNames: ["result"],
    }),
    shopEvents: new Counter({
      registers,
      name: "intervention_shop_events_total",
      help: "events of the shop that were heard, by what became of them",
      labelNames: ["effect"],
    }),
    heardLag: new Histogram({
      registers,
      name: "intervention_heard_lag_seconds",
      help: "age of what the platform's services put on the bus when it was heard",
      labelNames: ["from"],
      buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600],
    }),
    silences: new Counter({
      registers,
      name: "intervention_silences_total",
      help: "shoppers looked at after a silence, by what it had come to",
      labelNames: ["verdict"],
    }),
    abandonmentLag: new Histogram({
      registers,
      name: "intervention_abandonment_lag_seconds",
      help: "time from when a cart counts as abandoned until that is on the stream",
      buckets: DURATION_BUCKETS,
    }),
    limited: new Counter({
      registers,
      name: "intervention_calls_limited_total",
      help: "calls refused or held up because of a limit",
      labelNames: ["limit"],
    }),
    webhookAttempts: new Counter({
      registers,
      name: "intervention_webhook_attempts_total",
      help: "attempts to send an event to an endpoint, by what came of them",
      labelNames: ["result"],
    }),
    deliveryAttempts: new Counter({
      registers,
      name: "intervention_delivery_attempts_total",
      help: "attempts to send by a provider, by what became of them",
      labelNames: ["channel", "provider", "outcome"],
    }),
    deliveriesHeld: new Counter({
      registers,
      name: "intervention_deliveries_held_total",
      help: "deliveries put off before an attempt, by why",
      labelNames: ["channel", "why"],
    }),
    sendDuration: new Histogram({
      registers,
      name: "intervention_send_duration_seconds",
      help: "time of a call to a provider",
      labelNames: ["channel", "provider"],
      buckets: DURATION_BUCKETS,
    }),
    providersPaused: new Counter({
      registers,
      name: "intervention_providers_paused_total",
      help: "accounts with providers that were paused because of their credential",
      labelNames: ["provider"],
    }),
    sockets: new Gauge({ registers, name: "intervention_sockets", help: "live connections now" }),
    socketsClosed: new Counter({
      registers,
      name: "intervention_sockets_closed_total",
      help: "connections ended, by reason",
      labelNames: ["reason"],
    }),
    socketsRefused: new Counter({
      registers,
      name: "intervention_sockets_refused_total",
      help: "connections turned away, by reason",
      labelNames: ["reason"],
    }),
    catchUps: new Counter({
      registers,
      name: "intervention_catch_ups_total",
      help: "users whose live messages were missed and read from the history",
    }),
    frames: new Counter({
      registers,
      name: "intervention_frames_total",
      help: "frames, by direction",
      labelNames: ["direction"],
    }),
    resumes: new Counter({
      registers,
      name: "intervention_resumes_total",
      help: "sessions resumed, by whether all could be recovered",
      labelNames: ["recovered"],
    }),
    undelivered: new Counter({
      registers,
      name: "intervention_undelivered_total",
      help: "sends that no device acknowledged in time, by what became of them",
      labelNames: ["into"],
    }),
    reconciled: new Counter({
      registers,
      name: "intervention_reconciled_total",
      help: "accepted interventions found missing from the stream and put on it again",
    }),
    queueDepth: new Gauge({
      registers,
      name: "intervention_queue_messages",
      help: "messages waiting in a work queue",
      labelNames: ["queue"],
    }),
    queueAckPending: new Gauge({
      registers,
      name: "intervention_queue_ack_pending_messages",
      help: "messages handed out and not acknowledged yet",
      labelNames: ["queue"],
    }),
    queueOldest: new Gauge({
      registers,
      name: "intervention_queue_oldest_seconds",
      help: "how long the oldest message of a work queue has waited; 0 when none waits",
      labelNames: ["queue"],
    }),
    queueRedelivered: new Gauge({
      registers,
      name: "intervention_queue_redelivered_messages",
      help: "messages in hand that were handed out before",
      labelNames: ["queue"],
    }),
    predictions: new Counter({
      registers,
      name: "intervention_predictions_total",
      help: "predictions taken in, by what became of them",
      labelNames: ["effect"],
    }),
    triggers: new Counter({
      registers,
      name: "intervention_triggers_total",
      help: "times that a running campaign looked at a shopper, by what came of it",
      labelNames: ["result"],
    }),
    eventsUnknown: new Counter({
      registers,
      name: "intervention_events_unknown_total",
      help: "reports of interventions that were never decided for their user",
      labelNames: ["kind"],
    }),
    linkHits: new Counter({
      registers,
      name: "intervention_link_hits_total",
      help: "hits on links and pictures of messages, by who was behind them",
      labelNames: ["what", "actor"],
    }),
    linkHitsLost: new Counter({
      registers,
      name: "intervention_link_hits_lost_total",
      help: "hits on links and pictures that could not be stored",
    }),
    callbacks: new Counter({
      registers,
      name: "intervention_provider_callbacks_total",
      help: "callbacks of providers, by what came of them",
      labelNames: ["provider", "result"],
    }),
    reports: new Counter({
      registers,
      name: "intervention_provider_reports_total",
      help: "what providers told of messages, by what it was",
      labelNames: ["provider", "kind"],
    }),
    reportsParked: new Counter({
      registers,
      name: "intervention_provider_reports_parked_total",
      help: "reports of messages that were not known, by what became of them",
      labelNames: ["into"],
    }),
    segmentChanges: new Counter({
      registers,
      name: "intervention_segment_changes_total",
      help: "times that a shopper came into a segment or left one",
      labelNames: ["to"],
    }),
    alarms: new Gauge({
      registers,
      name: "intervention_alarms",
      help: "campaigns whose rate of complaints or unsubscribes is too high, by channel and workspace, by what people do",
      labelNames: ["kind"],
    }),
    deadLetters: new Gauge({
      registers,
      name: "intervention_dead_letters",
      help: "dead letters waiting for an operator",
    }),
  };
}
