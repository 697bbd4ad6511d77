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
  "intervention.v1.WebhookService/CreateEndpoint": "service",
  "intervention.v1.WebhookService/GetEndpoint": "service",
  "intervention.v1.WebhookService/ListEndpoints": "service",
  "intervention.v1.WebhookService/UpdateEndpoint": "service",
  "intervention.v1.WebhookService/DeleteEndpoint": "service",
  "intervention.v1.WebhookService/RotateSecret": "service",
  "intervention.v1.WebhookService/TestEndpoint": "service",
  "intervention.v1.WebhookService/ListDeliveries": "service",
  "intervention.v1.WebhookService/ReplayFrom": "service",
  "intervention.v1.WebhookService/PauseEndpoint": "service",
  "intervention.v1.WebhookService/ResumeEndpoint": "service",
  "intervention.v1.PrivacyService/ExportUser": "service",
  "intervention.v1.PrivacyService/EraseUser": "service",
  "intervention.v1.PrivacyService/GetErasure": "service",
  "intervention.v1.PrivacyService/ListRetention": "service",
  "intervention.v1.PrivacyService/SetRetention": "service",
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
