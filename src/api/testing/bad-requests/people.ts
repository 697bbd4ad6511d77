import { type BadRequest, LONG, NO_PAGE, NO_USER, noName, nothing } from "./bad-request.ts";

export const PEOPLE_REQUESTS: Readonly<Record<string, readonly BadRequest[]>> = {
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
    [
      {
        profile: {
          userId: "u",
          addresses: ["+4930", "+15550001", "+999123456", "+80012345678901"].map((address) => ({
            ...{ channel: "CONTACT_CHANNEL_SMS", address },
          })),
        },
      },
      ...(["InvalidArgument", ...[0, 1, 2, 3].map((n) => `profile.addresses[${n}].address`)] as const),
    ],
    [
      { profile: { userId: "u", quietHours: { start: "24:00", end: "7" } } },
      ...(["InvalidArgument", "profile.quiet_hours.start", "profile.quiet_hours.end"] as const),
    ],
    [
      { profile: { userId: "u", quietHours: { start: "07:00", end: "07:00" } } },
      ...(["InvalidArgument", "profile.quiet_hours.end"] as const),
    ],
  ],
  "ProfileService/BatchUpsert": [[{}, "InvalidArgument", "requests"]],
  "ProfileService/Import": [[{}, "InvalidArgument", "header"]],
  "ProfileService/Get": NO_USER,
  "ProfileService/Search": NO_PAGE,
  "ProfileService/SetConsent": [[{}, "InvalidArgument", "user_id", "channel", "status", "source"]],
  "ProfileService/RequestConsent": [
    [{}, "InvalidArgument", "user_id", "channel", "source", "text_version"],
    [
      {
        ...{ userId: "nobody", channel: "CONTACT_CHANNEL_REALTIME", source: "form", textVersion: "1" },
        ...{ ttl: "60s", locale: "!", template: { template: "A B" } },
      },
      ...(["InvalidArgument", "channel", "ttl", "locale", "template.template"] as const),
    ],
  ],
  "ProfileService/ListConsentRequests": NO_USER,
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
  "PrivacyService/ExportUser": NO_USER,
  "PrivacyService/EraseUser": NO_USER,
  "PrivacyService/GetErasure": nothing({}),
  "PrivacyService/SetRetention": [
    [{}, "InvalidArgument", "kind"],
    [{ kind: "events", days: -1 }, "InvalidArgument", "days"],
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
};
