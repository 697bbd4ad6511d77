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
