import type { DescMethod } from "@bufbuild/protobuf";
import type { Permission } from "../domain/access/permissions.ts";

/** Who may call a method: anybody at all; services that have one of the permissions; or users' devices with a token too. */
export type AccessRule =
  | { readonly for: "anybody" }
  | { readonly for: "service" | "service_or_user"; readonly permissions: readonly Permission[] };

const anybody: AccessRule = { for: "anybody" };
const service = (...permissions: readonly Permission[]): AccessRule => ({ for: "service", permissions });
const serviceOrUser = (...permissions: readonly Permission[]): AccessRule => ({ for: "service_or_user", permissions });

/** Every method of every service, by full name, with what its caller must be allowed: see `PERMISSIONS` for which role may what.
 *  A method that is not here can't be called by anybody. */
export const ACCESS_RULES: Readonly<Record<string, AccessRule>> = {
  "intervention.v1.InterventionService/Trigger": service("send"),
  "intervention.v1.InterventionService/TriggerBatch": service("send"),
  "intervention.v1.InterventionService/TriggerStream": service("send"),
  "intervention.v1.InterventionService/Get": service("read_sent"),
  "intervention.v1.InterventionService/List": service("read_sent"),
  "intervention.v1.InterventionService/Explain": service("read_sent"),
  "intervention.v1.InterventionService/Cancel": service("send"),
  "intervention.v1.InterventionService/Watch": service("read_sent"),
  "intervention.v1.InboxService/List": serviceOrUser("read"),
  "intervention.v1.InboxService/CountUnread": serviceOrUser("read"),
  "intervention.v1.InboxService/MarkRead": serviceOrUser("send"),
  "intervention.v1.InboxService/Archive": serviceOrUser("send"),
  "intervention.v1.SessionService/CreateToken": service("send"),
  "intervention.v1.OperationsService/ListDeadLetters": service("operate"),
  "intervention.v1.OperationsService/ReplayDeadLetter": service("operate"),
  "intervention.v1.OperationsService/DropDeadLetter": service("operate"),
  "intervention.v1.PredictionService/Ingest": service("send"),
  "intervention.v1.PredictionService/IngestBatch": service("send"),
  "intervention.v1.PredictionService/IngestStream": service("send"),
  "intervention.v1.PredictionService/Get": service("read"),
  "intervention.v1.PredictionService/GetCalibration": service("read"),
  "intervention.v1.CampaignService/Create": service("author"),
  "intervention.v1.CampaignService/Get": service("read"),
  "intervention.v1.CampaignService/List": service("read"),
  "intervention.v1.CampaignService/Update": service("author"),
  "intervention.v1.CampaignService/Pause": service("author"),
  "intervention.v1.CampaignService/Resume": service("author"),
  "intervention.v1.CampaignService/Archive": service("author"),
  "intervention.v1.CatalogService/Upsert": service("author"),
  "intervention.v1.CatalogService/BatchUpsert": service("author"),
  "intervention.v1.CatalogService/Import": service("author"),
  "intervention.v1.CatalogService/Get": service("read"),
  "intervention.v1.CatalogService/List": service("read"),
  "intervention.v1.CatalogService/Delete": service("author"),
  "intervention.v1.TopicService/Subscribe": serviceOrUser("send"),
  "intervention.v1.TopicService/Unsubscribe": serviceOrUser("send"),
  "intervention.v1.TopicService/ListSubscriptions": serviceOrUser("read"),
  "intervention.v1.TopicService/CountFollowers": service("read"),
  "intervention.v1.TopicService/TriggerTopic": service("send"),
  "intervention.v1.TopicService/GetFanOut": service("read_sent"),
  "intervention.v1.TopicService/CancelFanOut": service("send", "operate"),
  "intervention.v1.TopicService/SetTopicRule": service("author"),
  "intervention.v1.TopicService/ListTopicRules": service("read"),
  "intervention.v1.TopicService/DeleteTopicRule": service("author"),
  "intervention.v1.ProfileService/Upsert": service("author"),
  "intervention.v1.ProfileService/BatchUpsert": service("author"),
  "intervention.v1.ProfileService/Import": service("author"),
  "intervention.v1.ProfileService/Get": service("read"),
  "intervention.v1.ProfileService/Search": service("read"),
  "intervention.v1.ProfileService/SetConsent": service("author"),
  "intervention.v1.ProfileService/ListConsentHistory": service("read"),
  "intervention.v1.ProfileService/Merge": service("author"),
  "intervention.v1.ProfileService/ListMerges": service("read"),
  "intervention.v1.WebhookService/CreateEndpoint": service("administer"),
  "intervention.v1.WebhookService/GetEndpoint": service("read"),
  "intervention.v1.WebhookService/ListEndpoints": service("read"),
  "intervention.v1.WebhookService/UpdateEndpoint": service("administer"),
  "intervention.v1.WebhookService/DeleteEndpoint": service("administer"),
  "intervention.v1.WebhookService/RotateSecret": service("administer"),
  "intervention.v1.WebhookService/TestEndpoint": service("administer"),
  "intervention.v1.WebhookService/ListDeliveries": service("read"),
  "intervention.v1.WebhookService/ReplayFrom": service("administer", "operate"),
  "intervention.v1.WebhookService/PauseEndpoint": service("administer", "operate"),
  "intervention.v1.WebhookService/ResumeEndpoint": service("administer", "operate"),
  "intervention.v1.PrivacyService/ExportUser": service("administer"),
  "intervention.v1.PrivacyService/EraseUser": service("administer"),
  "intervention.v1.PrivacyService/GetErasure": service("read"),
  "intervention.v1.PrivacyService/ListRetention": service("read"),
  "intervention.v1.PrivacyService/SetRetention": service("administer"),
  "intervention.v1.EventService/Ingest": service("send"),
  "intervention.v1.EventService/IngestBatch": service("send"),
  "intervention.v1.EventService/IngestStream": service("send"),
  "intervention.v1.EventService/GetContext": service("read"),
  "intervention.v1.AdminService/CreateWorkspace": service("platform"),
  "intervention.v1.AdminService/GetWorkspace": service("administer", "platform"),
  "intervention.v1.AdminService/ListWorkspaces": service("administer", "platform"),
  "intervention.v1.AdminService/UpdateWorkspace": service("administer", "platform"),
  "intervention.v1.AdminService/SetIdentityProvider": service("administer", "platform"),
  "intervention.v1.AdminService/CreateApiKey": service("administer", "platform"),
  "intervention.v1.AdminService/ListApiKeys": service("administer", "platform"),
  "intervention.v1.AdminService/RotateApiKey": service("administer", "platform"),
  "intervention.v1.AdminService/RevokeApiKey": service("administer", "platform"),
  "intervention.v1.AdminService/ListAuditEntries": service("administer", "platform"),
  "intervention.v1.AdminService/ExportAuditEntries": service("administer", "platform"),
  "grpc.health.v1.Health/Check": anybody,
  "grpc.health.v1.Health/Watch": anybody,
  "grpc.health.v1.Health/List": anybody,
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": anybody,
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": anybody,
};

/** @returns undefined when nobody has thought about this method yet. */
export function findAccessRule(method: DescMethod): AccessRule | undefined {
  return ACCESS_RULES[toMethodName(method)];
}

export const toMethodName = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;
