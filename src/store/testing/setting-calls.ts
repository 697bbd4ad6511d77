import { create } from "@bufbuild/protobuf";
import { Binary } from "mongodb";
import { ExperimentSchema } from "../../../gen/intervention/v1/experiment_pb.js";
import { PlacementOfferSchema } from "../../../gen/intervention/v1/placement_service_pb.js";
import { SegmentSchema } from "../../../gen/intervention/v1/segment_pb.js";
import { TemplateSchema } from "../../../gen/intervention/v1/template_pb.js";
import { TopicRuleSchema } from "../../../gen/intervention/v1/topic_service_pb.js";
import * as stores from "../index.ts";
import {
  account,
  BEFORE,
  bucket,
  type Call,
  campaign,
  experiment,
  lease,
  look,
  MAIN,
  NOW,
  page,
  pool,
  product,
  quota,
  template,
} from "./call-arguments.ts";

/** The functions of what a workspace and its owners have set, with arguments. */
export const SETTING_CALLS = {
  listApiKeys: [(store) => stores.listApiKeys(store)],
  listApiKeysOf: [(store) => stores.listApiKeysOf(store, MAIN)],
  findApiKey: [(store) => stores.findApiKey(store, "k")],
  setPlatformKey: [(store) => stores.setPlatformKey(store, "k")],
  noteKeysUsed: [(store) => stores.noteKeysUsed(store, ["k"], NOW)],
  setAuditOutcome: [(store) => stores.setAuditOutcome(store, "a", "done")],
  listAuditEntries: [(store) => stores.listAuditEntries(store, look)],
  findCampaigns: [(store) => stores.findCampaigns(store, MAIN, ["c"])],
  findExperiment: [(store) => stores.findExperiment(store, experiment)],
  hasExperimentLook: [(store) => stores.hasExperimentLook(store, experiment, NOW)],
  listExperimentLooks: [(store) => stores.listExperimentLooks(store, experiment, BEFORE)],
  listExperiments: [(store) => stores.listExperiments(store, page)],
  listExperimentsChanged: [(store) => stores.listExperimentsChanged(store, NOW)],
  replaceExperiment: [
    (store) =>
      stores.replaceExperiment(store, {
        ...{ workspaceId: MAIN, experiment: create(ExperimentSchema, { experimentId: "e" }), updatedAt: NOW },
      }),
  ],
  findCampaign: [(store) => stores.findCampaign(store, MAIN, "c")],
  listCampaigns: [(store) => stores.listCampaigns(store, page)],
  replaceCampaign: [
    (store) => stores.replaceCampaign(store, { _id: "c", etag: "e" }, { campaign: new Binary(), updatedAt: NOW }),
  ],
  claimBudget: [
    (store) =>
      stores.claimBudget(store, campaign, [{ id: "iv/0", micros: 1 }], { messagesMax: 10, microsMax: 10, at: NOW }),
  ],
  releaseBudget: [(store) => stores.releaseBudget(store, campaign, ["iv/0"])],
  findBudgetUse: [(store) => stores.findBudgetUse(store, campaign)],
  advanceCampaign: [(store) => stores.advanceCampaign(store, { _id: "c", etag: "e" }, { nextAt: NOW })],
  listCampaignsDue: [(store) => stores.listCampaignsDue(store, NOW)],
  findJourneyVersion: [(store) => stores.findJourneyVersion(store, { workspaceId: MAIN, campaignId: "c", version: 1 })],
  listCampaignsChanged: [(store) => stores.listCampaignsChanged(store, NOW)],
  findCheckpoint: [(store) => stores.findCheckpoint(store, "c")],
  advanceCheckpoint: [(store) => stores.advanceCheckpoint(store, "c", NOW)],
  claimLease: [(store) => stores.claimLease(store, "l", lease)],
  replaceChoiceBuckets: [
    (store) => stores.replaceChoiceBuckets(store, [{ ...bucket, _id: stores.choiceBucketId(bucket) }]),
  ],
  listChoiceBucketsChanged: [(store) => stores.listChoiceBucketsChanged(store, NOW)],
  addCodes: [(store) => stores.addCodes(store, pool, ["one"], 10)],
  findCodePool: [(store) => stores.findCodePool(store, pool)],
  countDraws: [(store) => stores.countDraws(store, pool), (store) => stores.countDraws(store, pool, 5)],
  findDraws: [(store) => stores.findDraws(store, pool, ["iv", "iw"])],
  findCodes: [(store) => stores.findCodes(store, pool, [1])],
  inTransaction: [],
  findPlacementOffer: [(store) => stores.findPlacementOffer(store, MAIN, "o")],
  replacePlacementOffer: [
    (store) => stores.replacePlacementOffer(store, MAIN, create(PlacementOfferSchema, { offerId: "o" })),
  ],
  listPlacementOffers: [(store) => stores.listPlacementOffers(store, page)],
  deletePlacementOffer: [(store) => stores.deletePlacementOffer(store, MAIN, "o")],
  putProducts: [
    (store) => stores.putProducts(store, [product]),
    (store) => stores.putProducts(store, [{ ...product, version: `${product.version}~` }]),
  ],
  findProducts: [(store) => stores.findProducts(store, MAIN, ["p"])],
  listProducts: [
    (store) => stores.listProducts(store, { ...page, category: "", prefix: "", after: "" }),
    (store) => stores.listProducts(store, { ...page, category: "shoes", prefix: "a", after: "ab" }),
  ],
  listProviderAccounts: [(store) => stores.listProviderAccounts(store, MAIN)],
  listProviderAccountsChanged: [(store) => stores.listProviderAccountsChanged(store, NOW)],
  findProviderAccount: [(store) => stores.findProviderAccount(store, MAIN, "a")],
  replaceProviderAccount: [(store) => stores.replaceProviderAccount(store, account)],
  countQuotaSlots: [(store) => stores.countQuotaSlots(store, quota)],
  findQuotaSlot: [(store) => stores.findQuotaSlot(store, MAIN, "c")],
  deleteQuotaSlot: [(store) => stores.deleteQuotaSlot(store, MAIN, "c")],
  listSchedules: [(store) => stores.listSchedules(store, MAIN)],
  listSchedulesDue: [(store) => stores.listSchedulesDue(store, MAIN, NOW)],
  advanceSchedule: [(store) => stores.advanceSchedule(store, "s", { from: BEFORE, to: NOW })],
  deleteSchedule: [
    async (store) => {
      await stores.insertSchedule(store, { _id: "s", workspaceId: MAIN, schedule: new Binary() });
      await stores.deleteSchedule(store, MAIN, "s");
    },
  ],
  findSegment: [(store) => stores.findSegment(store, { workspaceId: MAIN, segmentId: "s" })],
  replaceSegment: [
    (store) =>
      stores.replaceSegment(store, {
        ...{ workspaceId: MAIN, segment: create(SegmentSchema, { segmentId: "s" }), updatedAt: NOW },
      }),
  ],
  listSegments: [(store) => stores.listSegments(store, page)],
  listSegmentsChanged: [(store) => stores.listSegmentsChanged(store, NOW)],
  findTemplate: [(store) => stores.findTemplate(store, template)],
  findTemplateHead: [(store) => stores.findTemplateHead(store, template)],
  replaceTemplate: [
    async (store) => {
      const made = create(TemplateSchema, { templateId: "t" });
      await stores.insertTemplate(store, { ...template, position: stores.toPosition(NOW), template: made });
      const before = await stores.findTemplate(store, template);
      if (before === undefined) throw new Error("the template that was just inserted is gone");
      const both = { ...template, before, template: made };
      return stores.inTransaction(store, (session) => stores.replaceTemplate(store, both, session));
    },
  ],
  listTemplates: [(store) => stores.listTemplates(store, page)],
  findTemplateVersion: [(store) => stores.findTemplateVersion(store, { ...template, version: 1 })],
  listTemplateVersions: [(store) => stores.listTemplateVersions(store, { ...template, below: 10, limit: 10 })],
  putTopicRule: [
    (store) => stores.putTopicRule(store, { workspaceId: MAIN, kind: "price_drop", rule: create(TopicRuleSchema) }),
  ],
  listTopicRules: [(store) => stores.listTopicRules(store, MAIN)],
  deleteTopicRule: [(store) => stores.deleteTopicRule(store, MAIN, "price_drop")],
  listWebhookEndpoints: [(store) => stores.listWebhookEndpoints(store, MAIN)],
  findWebhookEndpoint: [(store) => stores.findWebhookEndpoint(store, MAIN, "we")],
  updateWebhookEndpoint: [(store) => stores.updateWebhookEndpoint(store, "we", { reason: "" }, { clearFailing: true })],
  deleteWebhookEndpoint: [(store) => stores.deleteWebhookEndpoint(store, "we")],
  findWebhookDeliveries: [(store) => stores.findWebhookDeliveries(store, ["d"])],
  listWebhookDeliveries: [(store) => stores.listWebhookDeliveries(store, { ...look, endpointId: "we" })],
  listWorkspaces: [(store) => stores.listWorkspaces(store)],
  findWorkspace: [(store) => stores.findWorkspace(store, MAIN)],
  changeWorkspace: [
    (store) =>
      stores.inTransaction(store, (session) => stores.changeWorkspace(store, MAIN, { displayName: "Main" }, session)),
  ],
  touchKeys: [(store) => stores.inTransaction(store, (session) => stores.touchKeys(store, MAIN, session))],
} satisfies Record<string, readonly Call[]>;
