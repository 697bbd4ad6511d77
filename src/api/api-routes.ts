import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.js";
import { Health } from "../../gen/health/v1/health_pb.js";
import { AdminService } from "../../gen/intervention/v1/admin_service_pb.js";
import { AnalyticsService } from "../../gen/intervention/v1/analytics_service_pb.js";
import { AttributionService } from "../../gen/intervention/v1/attribution_service_pb.js";
import { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import { CatalogService } from "../../gen/intervention/v1/catalog_service_pb.js";
import { ChannelService } from "../../gen/intervention/v1/channel_service_pb.js";
import { DeliveryService } from "../../gen/intervention/v1/delivery_service_pb.js";
import { EventService } from "../../gen/intervention/v1/event_service_pb.js";
import { ExperimentService } from "../../gen/intervention/v1/experiment_service_pb.js";
import { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { LimitService } from "../../gen/intervention/v1/limit_service_pb.js";
import { OperationsService } from "../../gen/intervention/v1/operations_service_pb.js";
import { OptimizationService } from "../../gen/intervention/v1/optimization_service_pb.js";
import { PlacementService } from "../../gen/intervention/v1/placement_service_pb.js";
import { PredictionService } from "../../gen/intervention/v1/prediction_service_pb.js";
import { PrivacyService } from "../../gen/intervention/v1/privacy_service_pb.js";
import { ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import { RunService } from "../../gen/intervention/v1/run_service_pb.js";
import { SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import { SessionService } from "../../gen/intervention/v1/session_service_pb.js";
import { SuppressionService } from "../../gen/intervention/v1/suppression_service_pb.js";
import { TemplateService } from "../../gen/intervention/v1/template_service_pb.js";
import { TopicService } from "../../gen/intervention/v1/topic_service_pb.js";
import { TrackingService } from "../../gen/intervention/v1/tracking_service_pb.js";
import { WebhookService } from "../../gen/intervention/v1/webhook_service_pb.js";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import { type AdminParts, adminService } from "./admin-service.ts";
import { analyticsService } from "./analytics-service.ts";
import { attributionService } from "./attribution-service.ts";
import { auditChanges } from "./audit-changes.ts";
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
import { type CampaignParts, campaignService } from "./campaign-service.ts";
import { catalogService } from "./catalog-service.ts";
import { type ChannelParts, channelService } from "./channel-service.ts";
import type { ChooseParts } from "./choose-offers.ts";
import { deliveryService } from "./delivery-service.ts";
import { type EventServiceParts, eventService } from "./event-service.ts";
import { experimentAudit } from "./experiment-audit.ts";
import { experimentService } from "./experiment-service.ts";
import type { AnalyticsParts } from "./figure-points.ts";
import { type HealthParts, healthService } from "./health-service.ts";
import { type InboxParts, inboxService } from "./inbox-service.ts";
import { apiInterceptors, apiRequestGate, type InterceptorParts } from "./interceptors.ts";
import { type InterventionServiceParts, interventionService } from "./intervention-service.ts";
import type { LeanGrpcOptions } from "./lean-grpc.ts";
import { type LimitParts, limitService } from "./limit-service.ts";
import { operationsService } from "./operations-service.ts";
import { type OptimizationParts, optimizationService } from "./optimization-service.ts";
import { placementService } from "./placement-service.ts";
import { type PredictionServiceParts, predictionService } from "./prediction-service.ts";
import { privacyService } from "./privacy-service.ts";
import { type ProfileParts, profileService } from "./profile-service.ts";
import { registerReflection } from "./reflection-service.ts";
import { runService } from "./run-service.ts";
import { segmentService } from "./segment-service.ts";
import { sessionService } from "./session-service.ts";
import { suppressionService } from "./suppression-service.ts";
import { templateAudit } from "./template-audit.ts";
import type { TemplatePreviewParts } from "./template-preview.ts";
import { templateService } from "./template-service.ts";
import { topicService } from "./topic-service.ts";
import { type TrackingParts, trackingService } from "./tracking-service.ts";
import { type WebhookParts, webhookService } from "./webhook-service.ts";

/** All that the services stand on. */
export type ApiParts = InterceptorParts &
  Pick<CampaignParts, "simulator"> &
  InterventionServiceParts &
  InboxParts &
  WebhookParts &
  PredictionServiceParts &
  EventServiceParts &
  TrackingParts &
  AnalyticsParts &
  ProfileParts &
  ChannelParts &
  ChooseParts &
  OptimizationParts &
  Pick<TemplatePreviewParts, "findProfile" | "toPreferenceUrl"> &
  Pick<LimitParts, "allowed" | "defaultTimeZone"> &
  Omit<HealthParts, "serviceNames"> & {
    readonly access: AccessDirectory;
    /** Default: keys come by https only, from public addresses, and no issuer is trusted by the settings. */
    readonly identityProviders?: Pick<AdminParts, "allowHttpJwks" | "allowPrivateJwks" | "trustedIssuers">;
  };

/** What the engine itself offers; health and reflection come on top. */
export const API_SERVICES: readonly DescService[] = [
  InterventionService,
  InboxService,
  SessionService,
  OperationsService,
  PredictionService,
  CampaignService,
  EventService,
  CatalogService,
  TopicService,
  ProfileService,
  AdminService,
  WebhookService,
  PrivacyService,
  ChannelService,
  DeliveryService,
  LimitService,
  SuppressionService,
  SegmentService,
  PlacementService,
  TrackingService,
  AnalyticsService,
  AttributionService,
  RunService,
  TemplateService,
  OptimizationService,
  ExperimentService,
];

/** A batch of 1,000 interventions of 4 KB each. */
const READ_BYTES_MAX = 4 * 1_048_576;

/** Puts every service on a router, whichever port it serves. */
export function registerApi(router: ConnectRouter, parts: ApiParts): void {
  router.service(
    InterventionService,
    auditChanges(parts, InterventionService, interventionService(parts), INTERVENTION_AUDIT),
  );
  router.service(InboxService, auditChanges(parts, InboxService, inboxService(parts), INBOX_AUDIT));
  router.service(SessionService, sessionService(parts));
  router.service(OperationsService, operationsService(parts));
  router.service(PredictionService, predictionService(parts));
  router.service(EventService, eventService(parts));
  router.service(
    CampaignService,
    auditChanges(parts, CampaignService, campaignService(parts), campaignAudit(parts.store)),
  );
  router.service(CatalogService, auditChanges(parts, CatalogService, catalogService(parts), CATALOG_AUDIT));
  router.service(TopicService, auditChanges(parts, TopicService, topicService(parts), topicAudit(parts.store)));
  router.service(ProfileService, auditChanges(parts, ProfileService, profileService(parts), PROFILE_AUDIT));
  router.service(
    AdminService,
    adminService({
      ...parts,
      ...(parts.identityProviders ?? { allowHttpJwks: false, allowPrivateJwks: false, trustedIssuers: [] }),
    }),
  );
  router.service(WebhookService, auditChanges(parts, WebhookService, webhookService(parts), webhookAudit(parts.store)));
  router.service(PrivacyService, auditChanges(parts, PrivacyService, privacyService(parts), privacyAudit(parts.store)));
  router.service(ChannelService, channelService(parts));
  router.service(DeliveryService, deliveryService(parts));
  router.service(LimitService, limitService(parts));
  router.service(
    SuppressionService,
    auditChanges(parts, SuppressionService, suppressionService(parts), SUPPRESSION_AUDIT),
  );
  router.service(SegmentService, auditChanges(parts, SegmentService, segmentService(parts), segmentAudit(parts.store)));
  router.service(
    PlacementService,
    auditChanges(parts, PlacementService, placementService(parts), placementAudit(parts.store)),
  );
  router.service(TrackingService, trackingService(parts));
  router.service(OptimizationService, optimizationService(parts));
  router.service(AnalyticsService, analyticsService(parts));
  router.service(RunService, auditChanges(parts, RunService, runService(parts), RUN_AUDIT));
  router.service(AttributionService, attributionService(parts));
  router.service(
    TemplateService,
    auditChanges(parts, TemplateService, templateService(parts), templateAudit(parts.store)),
  );
  router.service(
    ExperimentService,
    auditChanges(parts, ExperimentService, experimentService(parts), experimentAudit(parts.store)),
  );
  router.service(Health, healthService({ ...parts, serviceNames: API_SERVICES.map(({ typeName }) => typeName) }));
  registerReflection(router, [...API_SERVICES, Health], [file_google_rpc_error_details]);
}

/** What a router must be made with for the services to be safe. */
export function apiRouterOptions(parts: InterceptorParts): ConnectRouterOptions {
  return { interceptors: apiInterceptors(parts), requestGate: apiRequestGate(parts), readMaxBytes: READ_BYTES_MAX };
}

/** The calls that come in floods, for the lean way to serve them. */
export function leanGrpcOptions(parts: ApiParts): LeanGrpcOptions {
  const { trigger, triggerBatch } = interventionService(parts);
  return {
    methods: [
      { method: InterventionService.method.trigger, call: trigger },
      { method: InterventionService.method.triggerBatch, call: triggerBatch },
    ],
    interceptors: apiInterceptors(parts),
    requestGate: apiRequestGate(parts),
    readBytesMax: READ_BYTES_MAX,
  };
}
