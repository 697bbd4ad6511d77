import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "../../gen/intervention/v1/admin_service_pb.js";
import { CampaignState } from "../../gen/intervention/v1/campaign_pb.js";
import { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { CatalogService } from "../../gen/intervention/v1/catalog_service_pb.js";
import { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { PlacementService } from "../../gen/intervention/v1/placement_service_pb.js";
import { PrivacyService } from "../../gen/intervention/v1/privacy_service_pb.js";
import { ConsentStatus, ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import { ImportHeader_Format, ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import { RunService } from "../../gen/intervention/v1/run_service_pb.js";
import { SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import { PredictionKind } from "../../gen/intervention/v1/shopper_pb.js";
import { SuppressionService } from "../../gen/intervention/v1/suppression_service_pb.js";
import { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { TopicKind, TopicService } from "../../gen/intervention/v1/topic_service_pb.js";
import { WebhookService } from "../../gen/intervention/v1/webhook_service_pb.js";
import type { Store } from "../store/index.ts";
import { bearer } from "../testing/bearer.ts";
import { API_SERVICES } from "./api-routes.ts";
import {
  CATALOG_AUDIT,
  campaignAudit,
  INBOX_AUDIT,
  INTERVENTION_AUDIT,
  PROFILE_AUDIT,
  placementAudit,
  privacyAudit,
  RUN_AUDIT,
  SUPPRESSION_AUDIT,
  segmentAudit,
  topicAudit,
  webhookAudit,
} from "./audited-services.ts";
import { experimentAudit } from "./experiment-audit.ts";
import { templateAudit } from "./template-audit.ts";
import { startFixture } from "./testing/intervention-fixture.ts";

/** What changes something and is no administrator's change: what the engine is for, what users do to their own, and looks. */
const NOT_AUDITED = [
  ...["Trigger", "TriggerBatch", "TriggerStream"].map((name) => `InterventionService/${name}`),
  ...["PredictionService", "EventService"].flatMap((name) =>
    ["Ingest", "IngestBatch", "IngestStream"].map((method) => `${name}/${method}`),
  ),
  ...["SessionService/CreateToken", "PlacementService/Choose"],
  // Reports of what happened, and the same reckoned again: nothing is set by them.
  ...["TrackingService/Track", "TrackingService/TrackBatch", "TrackingService/TrackStream"],
  ...["AnalyticsService/BackfillFigures", "AttributionService/RecomputeCredits"],
  ...["TopicService/Subscribe", "TopicService/Unsubscribe", "TopicService/TriggerTopic"],
  ...["WebhookService/TestEndpoint", "ChannelService/CheckProviderAccount"],
  ...["InterventionService/Watch", "AdminService/ExportAuditEntries"],
];

const store = {} as Store;
const TABLES = [
  [InboxService, INBOX_AUDIT],
  [InterventionService, INTERVENTION_AUDIT],
  [CampaignService, campaignAudit(store)],
  [CatalogService, CATALOG_AUDIT],
  [TopicService, topicAudit(store)],
  [ProfileService, PROFILE_AUDIT],
  [SuppressionService, SUPPRESSION_AUDIT],
  [WebhookService, webhookAudit(store)],
  [PrivacyService, privacyAudit(store)],
  [SegmentService, segmentAudit(store)],
  [ExperimentService, experimentAudit(store)],
  [RunService, RUN_AUDIT],
  [PlacementService, placementAudit(store)],
  [TemplateService, templateAudit(store)],
] as const;
/** Each writes its entry in the transaction of its change, or before it; their own tests show that. */
const AUDITED_BY_THEMSELVES = [
  ...["CreateWorkspace", "UpdateWorkspace", "SetIdentityProvider", "CreateApiKey", "RotateApiKey", "RevokeApiKey"].map(
    (name) => `AdminService/${name}`,
  ),
  ...["Create", "Update", "Delete"].map((name) => `ChannelService/${name}ProviderAccount`),
  ...["OperationsService/ReplayDeadLetter", "OperationsService/DropDeadLetter", "LimitService/UpdateLimits"],
  "AnalyticsService/UpdateAlarmThresholds",
];

/** A look that says so much that it is written down too. */
const EXPORT = "PrivacyService/ExportUser";

it("the audit log has every method that changes something, or it is said why not", () => {
  const changing = API_SERVICES.flatMap(({ methods }) => methods)
    .filter(({ idempotency }) => idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS)
    .map(({ parent, name }) => `${parent.name}/${name}`);
  const audited = TABLES.flatMap(([service, table]) =>
    service.methods.filter(({ localName }) => localName in table).map(({ name }) => `${service.name}/${name}`),
  );
  expect(new Set([...audited, ...AUDITED_BY_THEMSELVES, ...NOT_AUDITED])).toEqual(new Set([...changing, EXPORT]));
});

describe("a change", () => {
  let fixture: Awaited<ReturnType<typeof startFixture>>;
  let transport: ReturnType<typeof createGrpcTransport>;
  beforeAll(async () => {
    fixture = await startFixture();
    transport = createGrpcTransport({ baseUrl: fixture.url, interceptors: [bearer(fixture.apiKey)] });
  });
  afterAll(() => fixture[Symbol.asyncDispose]());
  /** The entries of a method, oldest first. */
  const entriesOf = async (method: string) => {
    const { entries } = await createClient(AdminService, transport).listAuditEntries({ pageSize: 1_000 });
    return entries.filter((entry) => entry.method === `intervention.v1.${method}`).toReversed();
  };
  const ADA = "ada@example.com";

  it("of a campaign is there with who, what, before and after", async () => {
    const campaigns = createClient(CampaignService, transport);
    const trigger = { on: { case: "prediction" as const, value: PredictionKind.CHURN } };
    const campaign = { displayName: "One", trigger, content: { title: "Hello" }, state: CampaignState.RUNNING };
    await campaigns.create({ campaignId: "one", campaign });
    await campaigns.update({ campaign: { name: "one", displayName: "Two" }, updateMask: { paths: ["display_name"] } });
    await campaigns.pause({ name: "one" });
    expect(await entriesOf("CampaignService/Create")).toMatchObject([
      {
        resource: "workspaces/main/campaigns/one",
        actor: expect.stringMatching(/^key\//),
        after: { displayName: "One" },
      },
    ]);
    expect(await entriesOf("CampaignService/Update")).toMatchObject([
      { before: { displayName: "One" }, after: { displayName: "Two" } },
    ]);
    expect(await entriesOf("CampaignService/Pause")).toMatchObject([
      { before: { state: "CAMPAIGN_STATE_RUNNING" }, after: { state: "CAMPAIGN_STATE_PAUSED" } },
    ]);
  });

  it("that is refused is not there", async () => {
    const campaigns = createClient(CampaignService, transport);
    await expect(campaigns.archive({ name: "nowhere" })).rejects.toThrow(/not_found/);
    await expect(campaigns.create({ campaignId: "No Id" })).rejects.toThrow(/campaign_id/);
    expect(await entriesOf("CampaignService/Archive")).toEqual([]);
    expect((await entriesOf("CampaignService/Create")).map(({ resource }) => resource)).not.toContain(
      "workspaces/main/campaigns/No Id",
    );
  });

  it("of a webhook is there without its secret", async () => {
    const webhooks = createClient(WebhookService, transport);
    const { endpoint, secret } = await webhooks.createEndpoint({ url: "https://example.com/hook" });
    const { endpointId = "" } = endpoint ?? {};
    await webhooks.rotateSecret({ endpointId });
    await webhooks.deleteEndpoint({ endpointId });
    const entries = [
      ...(await entriesOf("WebhookService/CreateEndpoint")),
      ...(await entriesOf("WebhookService/RotateSecret")),
      ...(await entriesOf("WebhookService/DeleteEndpoint")),
    ];
    expect(entries.map(({ resource }) => resource)).toEqual(
      [1, 2, 3].map(() => `workspaces/main/webhookEndpoints/${endpointId}`),
    );
    expect(entries[2]).toMatchObject({ before: { url: "https://example.com/hook" } });
    expect(JSON.stringify(entries, (_, value) => (typeof value === "bigint" ? String(value) : value))).not.toContain(
      secret.slice(6, 20),
    );
  });

  it("of a shopper is there under one name, which does not say who it is", async () => {
    const profiles = createClient(ProfileService, transport);
    const privacy = createClient(PrivacyService, transport);
    await profiles.upsert({ profile: { userId: ADA, locale: "en" }, updateMask: { paths: ["locale"] } });
    const consent = { channel: ContactChannel.EMAIL, status: ConsentStatus.GRANTED, source: "form" };
    await profiles.setConsent({ userId: ADA, ...consent });
    for await (const _ of privacy.exportUser({ userId: ADA }));
    const { erasure } = await privacy.eraseUser({ userId: ADA });
    const methods = [
      "ProfileService/Upsert",
      "ProfileService/SetConsent",
      "PrivacyService/ExportUser",
      "PrivacyService/EraseUser",
    ];
    const entries = (await Promise.all(methods.map(entriesOf))).flat();
    expect(entries.map(({ resource }) => resource)).toEqual(
      methods.map(() => `workspaces/main/users/${erasure?.erasureId}`),
    );
    expect(entries[0]).toMatchObject({ after: { fields: ["locale"] } });
    expect(JSON.stringify(await fixture.store.audit.find().toArray())).not.toContain(ADA);
  });

  it("of many at once is one entry with how many, also when an import breaks off", async () => {
    const profiles = createClient(ProfileService, transport);
    await profiles.batchUpsert({ requests: [{ profile: { userId: "u1" } }, { profile: { userId: "" } }] });
    expect(await entriesOf("ProfileService/BatchUpsert")).toMatchObject([
      { resource: "workspaces/main/users", after: { kept: 1, refused: 1 } },
    ]);
    async function* file() {
      yield { part: { case: "header" as const, value: { format: ImportHeader_Format.NDJSON } } };
      yield { part: { case: "data" as const, value: new TextEncoder().encode('{"user_id":"u2"}\nnonsense\n') } };
    }
    for await (const _ of profiles.import(file()));
    expect(await entriesOf("ProfileService/Import")).toMatchObject([{ after: { read: 2, bad: 1 } }]);
    const catalog = createClient(CatalogService, transport);
    await catalog.upsert({ product: { productId: "mug", title: "Mug", price: { currency: "EUR", minor: 950n } } });
    expect(await entriesOf("CatalogService/Upsert")).toMatchObject([{ resource: "workspaces/main/products/mug" }]);
  });

  it("in an inbox is there when a service made it, and not when its user did", async () => {
    const ids = { interventionIds: ["i1", "i2"] };
    const { token } = await createClient(SessionService, transport).createToken({ userId: ADA });
    const own = createGrpcTransport({ baseUrl: fixture.url, interceptors: [bearer(token)] });
    await createClient(InboxService, own).markRead(ids);
    await createClient(InboxService, own).archive(ids);
    await createClient(InboxService, transport).markRead({ userId: ADA, ...ids });
    await createClient(InboxService, transport).archive({ userId: ADA, ...ids });
    for (const method of ["MarkRead", "Archive"])
      expect(await entriesOf(`InboxService/${method}`)).toMatchObject([
        {
          actor: expect.stringMatching(/^key\//),
          resource: expect.stringMatching(/^workspaces\/main\/users\/er_[0-9a-f]{40}\/inbox$/),
          after: { interventions: 2 },
        },
      ]);
    expect(JSON.stringify(await fixture.store.audit.find().toArray())).not.toContain(ADA);
  });

  it("of a topic rule is there", async () => {
    await createClient(TopicService, transport).deleteTopicRule({ kind: TopicKind.PRICE_DROP });
    expect(await entriesOf("TopicService/DeleteTopicRule")).toMatchObject([
      { resource: "workspaces/main/topicRules/PRICE_DROP" },
    ]);
  });

  it("of what is kept how long is there", async () => {
    await createClient(PrivacyService, transport).setRetention({ kind: "outbox", days: 3 });
    expect(await entriesOf("PrivacyService/SetRetention")).toMatchObject([
      { resource: "workspaces/main/retention/outbox", before: { days: 7 }, after: { days: 3 } },
    ]);
  });

  it("by cancelling is there", async () => {
    const id = await fixture.accept();
    await fixture.call("Cancel", { name: id, reason: "sold out" });
    expect(await entriesOf("InterventionService/Cancel")).toMatchObject([
      { resource: `workspaces/main/interventions/${id}`, after: { reason: "sold out" } },
    ]);
  });
});
