import type { JsonObject } from "@bufbuild/protobuf";

/** What is sent, as JSON, the code of the answer, and every field that it names. */
export type BadRequest = readonly [sent: JsonObject, code: string, ...fields: string[]];

const LONG = "x".repeat(300);
const NO_PAGE: readonly BadRequest[] = [
  [{ pageSize: -1 }, "InvalidArgument", "page_size"],
  [{ pageToken: "of nobody" }, "InvalidArgument", "page_token"],
];
const NO_USER: readonly BadRequest[] = [
  [{}, "InvalidArgument", "user_id"],
  [{ userId: "a\u0000b" }, "InvalidArgument", "user_id"],
  [{ userId: LONG }, "InvalidArgument", "user_id"],
];
const noName = (field: string): readonly BadRequest[] => [
  [{}, "InvalidArgument", field],
  [{ [field]: "x/y" }, "InvalidArgument", field],
  [{ [field]: "workspaces//things/" }, "InvalidArgument", field],
];
const nothing = (more: JsonObject): readonly BadRequest[] => [[more, "NotFound"]];

/** Of each method, in order of the services. Answers inside an answer, as those of a batch, are not looked at here. */
export const BAD_REQUESTS: Readonly<Record<string, readonly BadRequest[]>> = {
  "InterventionService/Trigger": [
    [{}, "InvalidArgument", "recipient", "content"],
    [
      {
        idempotencyKey: LONG,
        recipient: { userId: "", timeZone: "Mars/Olympus", locale: "no locale" },
        content: { title: "", imageUrl: "javascript:alert(1)", actions: [{ id: "", label: "" }] },
        priority: 9,
        ttl: "-1s",
        policy: { channels: [7], quietHours: { start: "25:00", end: "x" } },
      },
      "InvalidArgument",
      "idempotency_key",
      "recipient.user_id",
      "recipient.time_zone",
      "recipient.locale",
      "content.title",
      "content.image_url",
      "content.actions[0].id",
      "content.actions[0].label",
      "priority",
      "ttl",
      "policy.channels[0]",
      "policy.quiet_hours.start",
      "policy.quiet_hours.end",
    ],
  ],
  "InterventionService/TriggerBatch": [
    [{}, "InvalidArgument", "requests"],
    [{ requests: Array.from({ length: 1_001 }, () => ({})) }, "InvalidArgument", "requests"],
  ],
  "InterventionService/Get": noName("name"),
  "InterventionService/List": [...NO_PAGE, [{ userId: LONG }, "InvalidArgument", "user_id"]],
  "InterventionService/Explain": noName("name"),
  "InterventionService/Cancel": [
    ...noName("name"),
    [{ name: "a".repeat(26), reason: LONG }, "InvalidArgument", "reason"],
  ],
  "InterventionService/Watch": [
    [{ name: "x/y" }, "InvalidArgument", "name"],
    [{ kinds: [99] }, "InvalidArgument", "kinds[0]"],
  ],
  "InboxService/List": NO_USER,
  "InboxService/CountUnread": NO_USER,
  "InboxService/MarkRead": [
    ...NO_USER,
    [{ userId: "u", interventionIds: [LONG] }, "InvalidArgument", "intervention_ids[0]"],
  ],
  "InboxService/Archive": [
    ...NO_USER,
    [{ userId: "u", interventionIds: [""] }, "InvalidArgument", "intervention_ids[0]"],
  ],
  "SessionService/CreateToken": [...NO_USER, [{ userId: "u", ttl: "9999999s" }, "InvalidArgument", "ttl"]],
  "OperationsService/ListDeadLetters": NO_PAGE,
  "OperationsService/ReplayDeadLetter": nothing({ sequence: "7" }),
  "OperationsService/DropDeadLetter": nothing({}),
  "PredictionService/Ingest": [
    [{}, "InvalidArgument", "prediction_id", "user_id", "kind", "model", "model_version", "predict_time"],
    [
      {
        prediction: {
          ...{ predictionId: "p", userId: "u", kind: "PREDICTION_KIND_CHURN", model: "m", modelVersion: "1" },
          ...{ predictTime: "2026-01-01T00:00:00Z", expireTime: "2025-01-01T00:00:00Z", score: 2 },
        },
      },
      "InvalidArgument",
      "score",
      "expire_time",
    ],
  ],
  "PredictionService/IngestBatch": [[{}, "InvalidArgument", "predictions"]],
  "PredictionService/Get": NO_USER,
  "PredictionService/GetCalibration": [[{}, "InvalidArgument", "kind", "model"]],
  "CampaignService/Create": [
    [{}, "InvalidArgument", "campaign.display_name", "campaign.trigger", "campaign.content"],
    [
      {
        campaignId: "No Id",
        campaign: {
          displayName: LONG,
          trigger: { prediction: "PREDICTION_KIND_CHURN" },
          condition: { comparison: { field: "profile.", operator: 99, value: 1 } },
          content: {},
        },
      },
      "InvalidArgument",
      "campaign_id",
      "campaign.display_name",
      "campaign.content.title",
      "campaign.condition.comparison.field",
      "campaign.condition.comparison.operator",
    ],
  ],
  "CampaignService/Get": noName("name"),
  "CampaignService/List": NO_PAGE,
  "CampaignService/Update": [
    [{}, "InvalidArgument", "campaign.name"],
    [{ campaign: { name: "nothere" } }, "NotFound"],
  ],
  "CampaignService/Pause": noName("name"),
  "CampaignService/Resume": noName("name"),
  "CampaignService/Archive": noName("name"),
  "EventService/Ingest": [
    [{}, "InvalidArgument", "event.event_id", "event.user_id", "event.kind", "event.occur_time"],
    [
      {
        event: {
          ...{ eventId: "e", userId: "u", kind: "SHOP_EVENT_KIND_ITEM_ADDED", occurTime: "2024-01-01T00:00:00Z" },
          item: { productId: "", quantity: -1, unitPrice: { currency: "euro", minor: "-5" } },
        },
      },
      "InvalidArgument",
      "event.item.product_id",
      "event.item.quantity",
      "event.item.unit_price.currency",
      "event.item.unit_price.minor",
    ],
  ],
  "EventService/IngestBatch": [[{}, "InvalidArgument", "events"]],
  "EventService/GetContext": NO_USER,
  "CatalogService/Upsert": [
    [{}, "InvalidArgument", "product"],
    [
      { product: { productId: "", title: LONG.repeat(4), price: { currency: "x", minor: "-1" }, link: "nowhere" } },
      "InvalidArgument",
      "product.product_id",
      "product.title",
      "product.price.currency",
      "product.price.minor",
      "product.link",
    ],
  ],
  "CatalogService/BatchUpsert": [[{}, "InvalidArgument", "products"]],
  "CatalogService/Import": [[{}, "InvalidArgument", "format"]],
  "CatalogService/Get": [[{}, "InvalidArgument", "product_id"]],
  "CatalogService/List": NO_PAGE,
  "CatalogService/Delete": [[{}, "InvalidArgument", "product_id"]],
  "TopicService/Subscribe": [[{}, "InvalidArgument", "user_id", "topic"]],
  "TopicService/Unsubscribe": [[{}, "InvalidArgument", "user_id", "topic"]],
  "TopicService/ListSubscriptions": NO_USER,
  "TopicService/CountFollowers": [[{}, "InvalidArgument", "topic"]],
  "TopicService/TriggerTopic": [[{}, "InvalidArgument", "topic", "content"]],
  "TopicService/GetFanOut": nothing({}),
  "TopicService/CancelFanOut": nothing({ fanOutId: LONG }),
  "TopicService/SetTopicRule": [[{}, "InvalidArgument", "rule"]],
  "TopicService/DeleteTopicRule": [[{}, "InvalidArgument", "kind"]],
  "ProfileService/Upsert": [
    [{}, "InvalidArgument", "profile"],
    [
      { profile: { userId: "", timeZone: "Mars", locale: "?" }, changeId: LONG },
      "InvalidArgument",
      "profile.user_id",
      "profile.time_zone",
      "profile.locale",
      "change_id",
    ],
  ],
  "ProfileService/BatchUpsert": [[{}, "InvalidArgument", "requests"]],
  "ProfileService/Import": [[{}, "InvalidArgument", "header"]],
  "ProfileService/Get": NO_USER,
  "ProfileService/Search": NO_PAGE,
  "ProfileService/SetConsent": [[{}, "InvalidArgument", "user_id", "channel", "status", "source"]],
  "ProfileService/ListConsentHistory": NO_USER,
  "ProfileService/Merge": [
    [{ fromUserId: LONG }, "InvalidArgument", "from_user_id", "into_user_id"],
    [{ fromUserId: "u", intoUserId: "u" }, "InvalidArgument", "into_user_id"],
  ],
  "ProfileService/ListMerges": NO_USER,
  "AdminService/CreateWorkspace": [[{ workspaceId: "new" }, "PermissionDenied"]],
  "AdminService/GetWorkspace": [[{ name: "x/y" }, "InvalidArgument", "name"]],
  "AdminService/ListWorkspaces": NO_PAGE,
  "AdminService/UpdateWorkspace": [
    [{}, "InvalidArgument", "workspace"],
    [{ workspace: { defaultTimeZone: "Mars" } }, "InvalidArgument", "workspace.default_time_zone"],
    [{ workspace: { displayName: "A" }, updateMask: "createTime" }, "InvalidArgument", "update_mask"],
  ],
  "AdminService/SetIdentityProvider": [
    [
      { identityProvider: { issuer: "?", jwksUrl: "ftp://keys" } },
      "InvalidArgument",
      "identity_provider.audience",
      "identity_provider.jwks_url",
    ],
  ],
  "AdminService/CreateApiKey": [[{}, "InvalidArgument", "display_name", "roles"]],
  "AdminService/ListApiKeys": NO_PAGE,
  "AdminService/RotateApiKey": noName("name"),
  "AdminService/RevokeApiKey": noName("name"),
  "AdminService/ListAuditEntries": NO_PAGE,
  "AdminService/ExportAuditEntries": [[{ parent: "nowhere" }, "InvalidArgument", "parent"]],
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
  "PrivacyService/ExportUser": NO_USER,
  "PrivacyService/EraseUser": NO_USER,
  "PrivacyService/GetErasure": nothing({}),
  "PrivacyService/SetRetention": [
    [{}, "InvalidArgument", "kind"],
    [{ kind: "events", days: -1 }, "InvalidArgument", "days"],
  ],
  "ChannelService/CreateProviderAccount": [[{}, "InvalidArgument", "account"]],
  "ChannelService/GetProviderAccount": nothing({}),
  "ChannelService/UpdateProviderAccount": nothing({}),
  "ChannelService/DeleteProviderAccount": nothing({}),
  "ChannelService/CheckProviderAccount": nothing({ accountId: LONG }),
  "ChannelService/ListOutbox": NO_PAGE,
  "DeliveryService/GetDelivery": nothing({}),
  "DeliveryService/ListDeliveries": noName("name"),
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
  "SuppressionService/AddSuppressions": [
    [{}, "InvalidArgument", "suppressions"],
    [
      {
        suppressions: [
          { channel: "CHANNEL_INBOX", address: "a@example.com" },
          { channel: "CHANNEL_EMAIL", address: "nobody", scope: 9, reason: 9, source: "\u0000" },
        ],
      },
      "InvalidArgument",
      "suppressions[0].channel",
      "suppressions[1].address",
      "suppressions[1].scope",
      "suppressions[1].reason",
      "suppressions[1].source",
    ],
  ],
  "SuppressionService/RemoveSuppression": [
    [{ channel: "CHANNEL_SMS", address: "0301234" }, "InvalidArgument", "address"],
    [{ channel: "CHANNEL_WEBHOOK", address: "x" }, "InvalidArgument", "channel"],
  ],
  "SuppressionService/FindSuppressions": [[{}, "InvalidArgument", "channel"]],
  "SuppressionService/ListSuppressions": NO_PAGE,
  "LimitService/ListQuotaUse": [[{ parent: "nowhere" }, "InvalidArgument", "parent"]],
};
