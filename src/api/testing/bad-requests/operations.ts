import { ANY_DAY, type BadRequest, LONG, NO_PAGE, nothing } from "./bad-request.ts";

export const OPERATIONS_REQUESTS: Readonly<Record<string, readonly BadRequest[]>> = {
  "WebhookService/CreateEndpoint": [
    [{}, "InvalidArgument", "url"],
    [
      { url: "https://example.com/hook", kinds: [99], description: LONG.repeat(9) },
      "InvalidArgument",
      "kinds[0]",
      "description",
    ],
  ],
  "WebhookService/GetEndpoint": nothing({}),
  "WebhookService/UpdateEndpoint": nothing({ endpointId: LONG }),
  "WebhookService/DeleteEndpoint": nothing({}),
  "WebhookService/RotateSecret": nothing({}),
  "WebhookService/TestEndpoint": nothing({}),
  "WebhookService/ListDeliveries": nothing({ pageSize: -1 }),
  "WebhookService/ReplayFrom": [[{}, "InvalidArgument", "cursor"]],
  "WebhookService/PauseEndpoint": nothing({}),
  "WebhookService/ResumeEndpoint": nothing({}),
  "ChannelService/CreateProviderAccount": [
    [{}, "InvalidArgument", "account"],
    [
      {
        account: {
          ...{ channel: "CHANNEL_EMAIL", provider: "ses", from: "shop@example.com" },
          snsTopics: ["arn:aws:sns:eu-central-1:123456789012:ses-events", "arn:aws:sqs:eu-central-1:123456789012:x"],
        },
        credential: { region: "eu-central-1", accessKeyId: "a", secretAccessKey: "s" },
      },
      "InvalidArgument",
      "account.sns_topics[1]",
    ],
    [
      {
        account: { channel: "CHANNEL_EMAIL", provider: "outbox", from: "shop@example.com", snsTopics: ["x"] },
      },
      "InvalidArgument",
      "account.sns_topics",
    ],
  ],
  "ChannelService/GetProviderAccount": nothing({}),
  "ChannelService/UpdateProviderAccount": nothing({}),
  "ChannelService/DeleteProviderAccount": nothing({}),
  "ChannelService/CheckProviderAccount": nothing({ accountId: LONG }),
  "ChannelService/ListOutbox": NO_PAGE,
  "LimitService/GetLimits": [[{ parent: "nowhere" }, "InvalidArgument", "parent"]],
  "LimitService/UpdateLimits": [
    [{}, "InvalidArgument", "limits"],
    [
      {
        limits: {
          key: { callsPerSecond: 2_000_000, burst: 0 },
          quotas: [
            { channel: "CHANNEL_INBOX", messagesPerDay: "1" },
            { channel: "CHANNEL_SMS", messagesPerDay: "-1" },
            { channel: "CHANNEL_SMS", messagesPerDay: "1" },
          ],
        },
        updateMask: "key,quotas,name",
      },
      "InvalidArgument",
      "update_mask",
      "limits.key.calls_per_second",
      "limits.key.burst",
      "limits.quotas[0].channel",
      "limits.quotas[1].messages_per_day",
      "limits.quotas[2].channel",
    ],
  ],
  "OptimizationService/Evaluate": [
    [{}, "InvalidArgument", "target"],
    [
      { target: { kind: "KIND_ALWAYS" }, confidence: 1, campaign: LONG },
      "InvalidArgument",
      "target.channel",
      "confidence",
      "campaign",
    ],
    [{ target: { kind: "KIND_SOFTMAX" } }, "InvalidArgument", "target.temperature"],
    [
      { target: { kind: "KIND_FIXED" }, startTime: "2026-06-02T00:00:00Z", endTime: "2026-06-01T00:00:00Z" },
      "InvalidArgument",
      "end_time",
    ],
  ],
  "OptimizationService/EvaluateVariants": [
    [{}, "InvalidArgument", "policy"],
    [{ experiment: "x/y", always: "a", confidence: 2 }, "InvalidArgument", "confidence"],
    [{ experiment: "x/y", always: "a" }, "InvalidArgument", "experiment"],
    [{ experiment: "nowhere", always: "a" }, "NotFound"],
  ],
  "OptimizationService/GetChannelModel": [[{ halfLife: "1s" }, "InvalidArgument", "half_life"]],
  "AnalyticsService/GetFunnel": [
    [{}, "InvalidArgument", "interval"],
    [{ interval: {} }, "InvalidArgument", "interval.start_time", "interval.end_time"],
    [
      { interval: { startTime: "2026-01-02T00:00:00Z", endTime: "2026-01-01T00:00:00Z" } },
      "InvalidArgument",
      "interval.end_time",
    ],
    [
      { interval: { startTime: "2024-01-02T00:00:00Z", endTime: "2026-01-01T00:00:00Z" } },
      "InvalidArgument",
      "interval.end_time",
    ],
    [{ interval: ANY_DAY, filters: [{}] }, "InvalidArgument", "filters[0].dimension", "filters[0].values"],
  ],
  "AnalyticsService/GetTimeSeries": [
    [{}, "InvalidArgument", "interval"],
    [{ interval: ANY_DAY, timeZone: "Mars/Base" }, "InvalidArgument", "time_zone"],
    [{ interval: ANY_DAY, step: 9 }, "InvalidArgument", "step"],
    [
      { interval: { startTime: "2026-01-01T00:00:00Z", endTime: "2026-01-03T00:00:00Z" }, step: "STEP_MINUTE" },
      "InvalidArgument",
      "interval",
    ],
  ],
  "AnalyticsService/GetBreakdown": [
    [{}, "InvalidArgument", "interval"],
    [{ interval: ANY_DAY, rowsMax: -1 }, "InvalidArgument", "by", "rows_max"],
    [{ interval: ANY_DAY, by: ["DIMENSION_CHANNEL", "DIMENSION_CHANNEL"] }, "InvalidArgument", "by"],
  ],
  "AnalyticsService/GetLatencies": [
    [{}, "InvalidArgument", "interval"],
    [{ interval: ANY_DAY, quantiles: [0.5, 2] }, "InvalidArgument", "quantiles[1]"],
  ],
  "AnalyticsService/GetCohorts": [
    [{}, "InvalidArgument", "start_time", "end_time"],
    [{ startTime: "2026-01-02T00:00:00Z", endTime: "2026-01-01T00:00:00Z" }, "InvalidArgument", "end_time"],
  ],
  "AnalyticsService/WatchFigures": [[{}, "InvalidArgument", "interval"]],
  "AnalyticsService/ExportFigures": [
    [{}, "InvalidArgument", "interval"],
    [{ interval: ANY_DAY, format: 9 }, "InvalidArgument", "format"],
  ],
  "AnalyticsService/BackfillFigures": [
    [
      { interval: { startTime: "2026-01-01T00:00:00Z", endTime: "2026-03-03T00:00:00Z" } },
      "InvalidArgument",
      "interval.end_time",
    ],
  ],
  "AnalyticsService/VerifyFigures": [
    [
      { interval: { startTime: "2026-01-01T00:00:00Z", endTime: "2026-01-03T00:00:00Z" } },
      "InvalidArgument",
      "interval.end_time",
    ],
  ],
  "AnalyticsService/GetAlarms": [[{ parent: "nowhere" }, "InvalidArgument", "parent"]],
  "AnalyticsService/UpdateAlarmThresholds": [
    [{}, "InvalidArgument", "thresholds"],
    [
      { thresholds: { complaintRateMax: 2 } },
      "InvalidArgument",
      "thresholds.complaint_rate_max",
      "thresholds.sent_min",
    ],
    [{ thresholds: { sentMin: "1", etag: "r99" } }, "Aborted"],
  ],
  "AttributionService/GetConversion": [
    [{}, "InvalidArgument", "order_id"],
    [{ orderId: "nothing" }, "NotFound"],
  ],
  "AttributionService/RecomputeCredits": [[{}, "InvalidArgument", "interval"]],
  "AttributionService/ListConversions": [[{}, "InvalidArgument", "user_id"]],
  "AttributionService/CompareModels": [
    [{}, "InvalidArgument", "interval"],
    [{ interval: ANY_DAY, by: "DIMENSION_LOCALE" }, "InvalidArgument", "by"],
  ],
  "LimitService/ListQuotaUse": [[{ parent: "nowhere" }, "InvalidArgument", "parent"]],
};
