import { toJson } from "@bufbuild/protobuf";
import { type Campaign, CampaignSchema } from "../../gen/intervention/v1/campaign_pb.js";
import type { CampaignService } from "../../gen/intervention/v1/campaign_service_pb.js";
import type { CatalogService } from "../../gen/intervention/v1/catalog_service_pb.js";
import type { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import type { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import {
  type PlacementOffer,
  PlacementOfferSchema,
  type PlacementService,
} from "../../gen/intervention/v1/placement_service_pb.js";
import type { PrivacyService } from "../../gen/intervention/v1/privacy_service_pb.js";
import type { ProfileService } from "../../gen/intervention/v1/profile_service_pb.js";
import { type Run, RunSchema, type RunService, ScheduleSchema } from "../../gen/intervention/v1/run_service_pb.js";
import { type Segment, SegmentSchema } from "../../gen/intervention/v1/segment_pb.js";
import type { SegmentService } from "../../gen/intervention/v1/segment_service_pb.js";
import type { SuppressionService } from "../../gen/intervention/v1/suppression_service_pb.js";
import type { TopicService } from "../../gen/intervention/v1/topic_service_pb.js";
import { TopicKind, TopicRuleSchema } from "../../gen/intervention/v1/topic_service_pb.js";
import type { WebhookService } from "../../gen/intervention/v1/webhook_service_pb.js";
import { type WebhookEndpoint, WebhookEndpointSchema } from "../../gen/intervention/v1/webhook_service_pb.js";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";
import type { Workspace } from "../integrations/access-directory.ts";
import { toErasureId } from "../privacy/certificate.ts";
import { listRules } from "../privacy/retention.ts";
import {
  findCampaign,
  findPlacementOffer,
  findSegment,
  findWebhookEndpoint,
  listTopicRules,
  type Store,
  toAddressHash,
  toCampaign,
} from "../store/index.ts";
import type { AuditTable } from "./audit-changes.ts";
import { parseCampaignName } from "./campaign-name.ts";
import { parseOfferName } from "./offer-name.ts";
import { parseInterventionName } from "./resource-name.ts";
import { parseSegmentName } from "./segment-name.ts";
import { toEndpoint } from "./to-endpoint.ts";

/** A user as the log names him: by what his erasure would be known by. */
const userOf = (workspace: Workspace, userId: string) => `users/${toErasureId(workspace, userId)}`;

export function campaignAudit(store: Store): AuditTable<typeof CampaignService> {
  type Answer = { readonly campaign?: Campaign | undefined };
  const find = async (id: string, workspace: Workspace) => {
    const found = await findCampaign(store, workspace.id, id);
    return found === undefined ? undefined : toCampaignJson(toCampaign(found));
  };
  const said = {
    resource: (_: unknown, { campaign }: Answer) => `campaigns/${campaign?.campaignId ?? ""}`,
    after: ({ campaign }: Answer) => (campaign === undefined ? undefined : toCampaignJson(campaign)),
  };
  const move = {
    ...said,
    before: ({ name }: { readonly name: string }, workspace: Workspace) =>
      find(parseCampaignName(name, workspace.id), workspace),
  };
  return {
    create: said,
    update: {
      ...said,
      before: ({ campaign }, workspace) =>
        find(parseCampaignName(campaign?.name ?? "", workspace.id, "campaign.name"), workspace),
    },
    submit: move,
    approve: move,
    returnToDraft: move,
    schedule: move,
    pause: move,
    resume: move,
    complete: move,
    archive: move,
    duplicate: said,
  };
}

const toCampaignJson = (campaign: Campaign) => toJson(CampaignSchema, campaign);

export function webhookAudit(store: Store): AuditTable<typeof WebhookService> {
  type Ask = { readonly endpointId: string };
  const resource = ({ endpointId }: Ask) => `webhookEndpoints/${endpointId}`;
  const before = async ({ endpointId }: Ask, workspace: Workspace) => {
    const found = await findWebhookEndpoint(store, workspace.id, endpointId);
    return found === undefined ? undefined : toJson(WebhookEndpointSchema, toEndpoint(found));
  };
  const after = ({ endpoint }: { readonly endpoint?: WebhookEndpoint | undefined }) =>
    endpoint === undefined ? undefined : toJson(WebhookEndpointSchema, endpoint);
  return {
    createEndpoint: { resource: (_, { endpoint }) => `webhookEndpoints/${endpoint?.endpointId ?? ""}`, after },
    updateEndpoint: { resource, before, after },
    deleteEndpoint: { resource, before },
    rotateSecret: { resource },
    replayFrom: {
      resource,
      after: (_, { cursor }) => ({ from: String(cursor.case === "sequence" ? cursor.value : cursor.case) }),
    },
    pauseEndpoint: { resource, before, after },
    resumeEndpoint: { resource, before, after },
  };
}

export function topicAudit(store: Store): AuditTable<typeof TopicService> {
  const before = async (kind: TopicKind, workspace: Workspace) => {
    const rule = [...(await listTopicRules(store, workspace.id)).values()].find((one) => one.kind === kind);
    return rule === undefined ? undefined : toJson(TopicRuleSchema, rule);
  };
  return {
    setTopicRule: {
      resource: ({ rule }) => `topicRules/${TopicKind[rule?.kind ?? 0]}`,
      before: ({ rule }, workspace) => before(rule?.kind ?? TopicKind.UNSPECIFIED, workspace),
      after: ({ rule }) => (rule === undefined ? undefined : toJson(TopicRuleSchema, rule)),
    },
    deleteTopicRule: {
      resource: ({ kind }) => `topicRules/${TopicKind[kind]}`,
      before: ({ kind }, workspace) => before(kind, workspace),
    },
    cancelFanOut: { resource: ({ fanOutId }) => `fanOuts/${fanOutId}` },
  };
}

export function privacyAudit(store: Store): AuditTable<typeof PrivacyService> {
  const rule = async (kind: string, workspace: Workspace) => {
    const found = (await listRules(store, workspace.id)).find((one) => one.kind === kind);
    return found === undefined ? undefined : { days: found.days };
  };
  return {
    exportUser: { resource: ({ userId }, _, workspace) => userOf(workspace, userId) },
    eraseUser: { resource: ({ userId }, _, workspace) => userOf(workspace, userId) },
    setRetention: {
      resource: ({ kind }) => `retention/${kind}`,
      before: ({ kind }, workspace) => rule(kind, workspace),
      after: ({ retention }) => ({ days: retention?.days ?? 0 }),
    },
  };
}

export const CATALOG_AUDIT: AuditTable<typeof CatalogService> = {
  upsert: { resource: ({ product }) => `products/${product?.productId ?? ""}` },
  batchUpsert: {
    resource: () => "products",
    isChange: ({ results }) => countResults(results).kept > 0,
    after: ({ results }) => countResults(results),
  },
  import: {
    resource: () => "products",
    after: ({ rowCount, badCount }) => ({ read: Number(rowCount), bad: Number(badCount) }),
  },
  delete: { resource: ({ productId }) => `products/${productId}` },
};

export const PROFILE_AUDIT: AuditTable<typeof ProfileService> = {
  upsert: {
    resource: ({ profile }, _, workspace) => userOf(workspace, profile?.userId ?? ""),
    after: (_, { updateMask }) => ({ fields: updateMask?.paths ?? [] }),
  },
  batchUpsert: {
    resource: () => "users",
    isChange: ({ results }) => countResults(results).kept > 0,
    after: ({ results }) => countResults(results),
  },
  import: {
    resource: () => "users",
    after: ({ rowsRead, rowsBad }) => ({ read: Number(rowsRead), bad: Number(rowsBad) }),
  },
  setConsent: { resource: ({ userId }, _, workspace) => userOf(workspace, userId) },
  requestConsent: { resource: ({ userId }, _, workspace) => userOf(workspace, userId) },
  merge: {
    resource: ({ fromUserId }, _, workspace) => userOf(workspace, fromUserId),
    after: ({ alreadyMerged }) => ({ alreadyMerged }),
  },
};

function countResults(results: readonly { readonly result: { readonly case: string | undefined } }[]) {
  const kept = results.filter(({ result }) => result.case !== "error").length;
  return { kept, refused: results.length - kept };
}

export const SUPPRESSION_AUDIT: AuditTable<typeof SuppressionService> = {
  addSuppressions: {
    resource: () => "suppressions",
    isChange: ({ addedCount }) => addedCount > 0,
    after: ({ addedCount }) => ({ added: addedCount }),
  },
  removeSuppression: {
    resource: ({ channel, address }, _, workspace) =>
      `suppressions/${toAddressHash(workspace, { channel: toOutsideChannel(channel) ?? "email", address })}`,
  },
};

export const INTERVENTION_AUDIT: AuditTable<typeof InterventionService> = {
  cancel: {
    resource: ({ name }, _, workspace) => `interventions/${parseInterventionName(name, workspace.id)}`,
    after: (_, { reason }) => ({ reason }),
  },
};

/** What a service does in a user's inbox; a user's own calls leave no entry. */
export const INBOX_AUDIT: AuditTable<typeof InboxService> = {
  markRead: toInboxAudit(),
  archive: toInboxAudit(),
};

function toInboxAudit() {
  type Ask = { readonly userId: string; readonly interventionIds: readonly string[] };
  return {
    resource: ({ userId }: Ask, _: unknown, workspace: Workspace) => `${userOf(workspace, userId)}/inbox`,
    after: (_: unknown, { interventionIds }: Ask) => ({ interventions: interventionIds.length }),
  };
}

export function segmentAudit(store: Store): AuditTable<typeof SegmentService> {
  type Answer = { readonly segment?: Segment | undefined };
  const find = async (segmentId: string, workspace: Workspace) => {
    const found = await findSegment(store, { workspaceId: workspace.id, segmentId });
    return found === undefined ? undefined : toJson(SegmentSchema, found);
  };
  const said = {
    resource: (_: unknown, { segment }: Answer) => `segments/${segment?.segmentId ?? ""}`,
    after: ({ segment }: Answer) => (segment === undefined ? undefined : toJson(SegmentSchema, segment)),
  };
  type Members = { readonly name: string; readonly userIds: readonly string[] };
  const members = {
    resource: ({ name }: Members, _: unknown, workspace: Workspace) =>
      `segments/${parseSegmentName(name, workspace.id)}`,
  };
  return {
    createSegment: said,
    updateSegment: {
      ...said,
      before: ({ segment }, workspace) =>
        find(parseSegmentName(segment?.name ?? "", workspace.id, "segment.name"), workspace),
    },
    archiveSegment: { ...said, before: ({ name }, workspace) => find(parseSegmentName(name, workspace.id), workspace) },
    addMembers: { ...members, after: ({ added }) => ({ added }) },
    removeMembers: { ...members, after: ({ removed }) => ({ removed }) },
  };
}

export function placementAudit(store: Store): AuditTable<typeof PlacementService> {
  type Answer = { readonly offer?: PlacementOffer | undefined };
  const find = async (offerId: string, workspace: Workspace) => {
    const found = await findPlacementOffer(store, workspace.id, offerId);
    return found === undefined ? undefined : toJson(PlacementOfferSchema, found);
  };
  const said = {
    resource: (_: unknown, { offer }: Answer) => `placementOffers/${offer?.offerId ?? ""}`,
    after: ({ offer }: Answer) => (offer === undefined ? undefined : toJson(PlacementOfferSchema, offer)),
  };
  return {
    createOffer: said,
    updateOffer: {
      ...said,
      before: ({ offer }, workspace) => find(parseOfferName(offer?.name ?? "", workspace.id, "offer.name"), workspace),
    },
    deleteOffer: {
      resource: ({ name }, _, workspace) => `placementOffers/${parseOfferName(name, workspace.id)}`,
      before: ({ name }, workspace) => find(parseOfferName(name, workspace.id), workspace),
    },
  };
}

const runSaid = {
  resource: (_: unknown, { run }: { readonly run?: Run | undefined }) => `runs/${run?.runId ?? ""}`,
  after: ({ run }: { readonly run?: Run | undefined }) => (run === undefined ? undefined : toJson(RunSchema, run)),
};

export const RUN_AUDIT: AuditTable<typeof RunService> = {
  startRun: runSaid,
  pauseRun: runSaid,
  resumeRun: runSaid,
  cancelRun: runSaid,
  createSchedule: {
    resource: (_, { schedule }) => `schedules/${schedule?.scheduleId ?? ""}`,
    after: ({ schedule }) => (schedule === undefined ? undefined : toJson(ScheduleSchema, schedule)),
  },
  deleteSchedule: { resource: ({ scheduleId }) => `schedules/${scheduleId}` },
};
