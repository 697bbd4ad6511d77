import type { DescMethod } from "@bufbuild/protobuf";

/** Who may call a method: anybody at all, services that show an API key, or users' devices with a token too. */
export type AccessRule = "open" | "service" | "service_or_user";

/** Every method of every service, by full name. A method that is not here can't be called by anybody. */
export const ACCESS_RULES: Readonly<Record<string, AccessRule>> = {
  "intervention.v1.InterventionService/Trigger": "service",
  "intervention.v1.InterventionService/TriggerBatch": "service",
  "intervention.v1.InterventionService/TriggerStream": "service",
  "intervention.v1.InterventionService/Get": "service",
  "intervention.v1.InterventionService/List": "service",
  "intervention.v1.InterventionService/Explain": "service",
  "intervention.v1.InterventionService/Cancel": "service",
  "intervention.v1.InterventionService/Watch": "service",
  "intervention.v1.InboxService/List": "service_or_user",
  "intervention.v1.InboxService/CountUnread": "service_or_user",
  "intervention.v1.InboxService/MarkRead": "service_or_user",
  "intervention.v1.InboxService/Archive": "service_or_user",
  "intervention.v1.SessionService/CreateToken": "service",
  "intervention.v1.OperationsService/ListDeadLetters": "service",
  "intervention.v1.OperationsService/ReplayDeadLetter": "service",
  "intervention.v1.OperationsService/DropDeadLetter": "service",
  "intervention.v1.PredictionService/Ingest": "service",
  "intervention.v1.PredictionService/IngestBatch": "service",
  "intervention.v1.PredictionService/IngestStream": "service",
  "intervention.v1.PredictionService/Get": "service",
  "intervention.v1.PredictionService/GetCalibration": "service",
  "intervention.v1.CampaignService/Create": "service",
  "intervention.v1.CampaignService/Get": "service",
  "intervention.v1.CampaignService/List": "service",
  "intervention.v1.CampaignService/Update": "service",
  "intervention.v1.CampaignService/Pause": "service",
  "intervention.v1.CampaignService/Resume": "service",
  "intervention.v1.CampaignService/Archive": "service",
  "intervention.v1.CatalogService/Upsert": "service",
  "intervention.v1.CatalogService/BatchUpsert": "service",
  "intervention.v1.CatalogService/Import": "service",
  "intervention.v1.CatalogService/Get": "service",
  "intervention.v1.CatalogService/List": "service",
  "intervention.v1.CatalogService/Delete": "service",
  "intervention.v1.TopicService/Subscribe": "service_or_user",
  "intervention.v1.TopicService/Unsubscribe": "service_or_user",
  "intervention.v1.TopicService/ListSubscriptions": "service_or_user",
  "intervention.v1.TopicService/CountFollowers": "service",
  "intervention.v1.TopicService/TriggerTopic": "service",
  "intervention.v1.TopicService/GetFanOut": "service",
  "intervention.v1.TopicService/CancelFanOut": "service",
  "intervention.v1.TopicService/SetTopicRule": "service",
  "intervention.v1.TopicService/ListTopicRules": "service",
  "intervention.v1.TopicService/DeleteTopicRule": "service",
  "intervention.v1.ProfileService/Upsert": "service",
  "intervention.v1.ProfileService/BatchUpsert": "service",
  "intervention.v1.ProfileService/Import": "service",
  "intervention.v1.ProfileService/Get": "service",
  "intervention.v1.ProfileService/Search": "service",
  "intervention.v1.ProfileService/SetConsent": "service",
  "intervention.v1.ProfileService/ListConsentHistory": "service",
  "intervention.v1.ProfileService/Merge": "service",
  "intervention.v1.ProfileService/ListMerges": "service",
  "grpc.health.v1.Health/Check": "open",
  "grpc.health.v1.Health/Watch": "open",
  "grpc.health.v1.Health/List": "open",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "open",
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "open",
};

/** @returns undefined when nobody has thought about this method yet. */
export function findAccessRule(method: DescMethod): AccessRule | undefined {
  return ACCESS_RULES[toMethodName(method)];
}

export const toMethodName = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;
