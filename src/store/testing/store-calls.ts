import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Binary } from "mongodb";
import { EventKind, EventSchema } from "../../../gen/intervention/v1/event_pb.js";
import { PlacementOfferSchema } from "../../../gen/intervention/v1/placement_service_pb.js";
import { SegmentSchema } from "../../../gen/intervention/v1/segment_pb.js";
import { TemplateSchema } from "../../../gen/intervention/v1/template_pb.js";
import { TopicRuleSchema } from "../../../gen/intervention/v1/topic_service_pb.js";
import * as stores from "../index.ts";
import type { Store } from "../index.ts";

type Stores = typeof stores;
/** What takes the store and asks it something; what only inserts asks nothing. */
type Asking = Exclude<
  { [Key in keyof Stores]: Stores[Key] extends (store: Store, ...rest: never[]) => unknown ? Key : never }[keyof Stores],
  `insert${string}`
>;
type Call = (store: Store) => Promise<unknown> | AsyncIterable<unknown>;

const [W, U] = ["main", "ada"];
const NOW = new Date();
const BEFORE = new Date(NOW.getTime() - 86_400_000);
const whose = { workspaceId: W, userId: U };
const span = { workspaceId: W, from: BEFORE, until: NOW, limit: 10 };
const page = { workspaceId: W, before: ":", limit: 10 };
const look = { workspaceId: W, now: NOW, since: BEFORE, limit: 10 };
const lease = { holder: "h", now: NOW, until: NOW };
const pool = { workspaceId: W, pool: "p" };
const template = { workspaceId: W, templateId: "t" };
const quota = { workspaceId: W, channel: "email", day: "2026-11-25" } as const;
const address = { channel: "email", address: "ada@example.com" } as const;
const keyed = { id: W, idSecret: new Uint8Array(32) };
const places = { workspaceId: W, from: 0, until: 1_000, limit: 10 };
const profile = {
  ...{ ...whose, _id: stores.profileId(W, U), revision: 2, registers: "", timeZone: "", locale: "", denied: [] },
  ...{ searchKeys: [], aliases: [], listedAs: U, updatedAt: NOW },
};
const merge = { workspaceId: W, from: U, into: "bob", mergedAt: NOW, taken: [], outdated: [] };
const product = stores.toProductDocument({
  ...{ workspaceId: W, productId: "p", product: undefined, at: timestampFromDate(NOW) },
});
const shopper = {
  ...{ ...whose, _id: profile._id, place: stores.toPlace(U), revision: 2, facts: [], activity: [] },
  ...{ foresight: [], lists: [], keys: [], memberships: [] },
};
const account = {
  ...{ _id: "a", workspaceId: W, channel: "email", provider: "ses", displayName: "", from: "", replyTo: "" },
  ...{ webhookUrl: "", ratePerS: 0, order: 0, sandboxTo: "", state: "active", reason: "", revision: 2 },
  ...{ createdAt: NOW, updatedAt: NOW },
} as const;
const bucket = {
  ...{ workspaceId: W, day: NOW, segment: "s", channel: "email", rounds: 0, reward: 0, updatedAt: NOW },
} as const;
const toEvents = (kind: EventKind, more: { orderId?: string }) =>
  [create(EventSchema, { eventId: `iv:${kind}`, kind, workspace: W, userId: U, interventionId: "iv", ...more })].map(
    (event) => stores.toStored(stores.toEventDocument(event, NOW)),
  );
const newer = Array.from({ length: 12 }, () => ({ ...whose, kind: 1, than: BEFORE }));

/** Each function of the store with arguments, several where it asks in several ways. One that is missing is an error of the compiler:
 *  what is asked here is what `queries.it.test.ts` has the server explain. */
export const STORE_CALLS: Readonly<Record<Asking, readonly Call[]>> = {
  listApiKeys: [(store) => stores.listApiKeys(store)],
  listApiKeysOf: [(store) => stores.listApiKeysOf(store, W)],
  findApiKey: [(store) => stores.findApiKey(store, "k")],
  setPlatformKey: [(store) => stores.setPlatformKey(store, "k")],
  noteKeysUsed: [(store) => stores.noteKeysUsed(store, ["k"], NOW)],
  claimAttempts: [(store) => stores.claimAttempts(store, [])],
  settleAttempts: [(store) => stores.settleAttempts(store, [])],
  findAttempts: [(store) => stores.findAttempts(store, ["a"])],
  listAttempts: [(store) => stores.listAttempts(store, W, "iv")],
  setAuditOutcome: [(store) => stores.setAuditOutcome(store, "a", "done")],
  listAuditEntries: [(store) => stores.listAuditEntries(store, look)],
  findCampaign: [(store) => stores.findCampaign(store, W, "c")],
  listCampaigns: [(store) => stores.listCampaigns(store, page)],
  replaceCampaign: [
    (store) => stores.replaceCampaign(store, { _id: "c", etag: "e" }, { campaign: new Binary(), updatedAt: NOW }),
  ],
  listCampaignsChanged: [(store) => stores.listCampaignsChanged(store, NOW)],
  listDueCartWatches: [(store) => stores.listDueCartWatches(store, span)],
  deleteCartWatches: [(store) => stores.deleteCartWatches(store, ["w"])],
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
  recordConsent: [
    (store) =>
      stores.recordConsent(store, {
        ...{ _id: "consent", ...whose, subject: "email/marketing", word: "denied", changedAt: NOW, recordedAt: NOW },
        ...{ source: "", textVersion: "", requestId: "r" },
      }),
  ],
  listConsentChanges: [(store) => stores.listConsentChanges(store, W, U)],
  findConversion: [(store) => stores.findConversion(store, W, "o")],
  listConversionsOf: [(store) => stores.listConversionsOf(store, { ...whose, from: BEFORE })],
  streamConversions: [(store) => stores.streamConversions(store, span, { at: 1 })],
  creditAll: [
    (store) => stores.creditAll(store, toEvents(EventKind.DISPLAYED, {})),
    (store) => stores.creditAll(store, toEvents(EventKind.CONVERTED, { orderId: "umbrella" })),
  ],
  creditOrders: [(store) => stores.creditOrders(store, W, ["umbrella"])],
  listOrdersAfter: [(store) => stores.listOrdersAfter(store, { ...whose, interventionId: "iv", acceptedAt: BEFORE })],
  listRounds: [(store) => stores.listRounds(store, W, "iv")],
  findLatestRounds: [(store) => stores.findLatestRounds(store, W, ["iv"])],
  findDecisions: [(store) => stores.findDecisions(store, ["iv/0"])],
  findDecisionOutlines: [(store) => stores.findDecisionOutlines(store, ["iv/0"])],
  findDecidedIds: [(store) => stores.findDecidedIds(store, ["iv/0"])],
  listPriorSends: [
    (store) => stores.listPriorSends(store, { ...whose, since: BEFORE, limit: 5 }),
    (store) => stores.listPriorSends(store, { ...whose, campaign: "c", since: BEFORE, limit: 5 }),
  ],
  findLastCapNumber: [(store) => stores.findLastCapNumber(store, W, U)],
  listFallbacksDue: [(store) => stores.listFallbacksDue(store, span)],
  listChosen: [(store) => stores.listChosen(store, span)],
  listDelaysDue: [(store) => stores.listDelaysDue(store, span)],
  listPendingItems: [(store) => stores.listPendingItems(store, "k", 10)],
  findDigestItems: [(store) => stores.findDigestItems(store, ["i"])],
  takeDigestItems: [(store) => stores.takeDigestItems(store, ["i"], NOW)],
  openDigestWindow: [
    (store) =>
      stores.openDigestWindow(store, { ...whose, _id: "k", campaignId: "c", windowId: "w", closesAt: NOW }),
  ],
  findDigestWindow: [(store) => stores.findDigestWindow(store, "k")],
  sealDigestWindow: [(store) => stores.sealDigestWindow(store, "k", { windowId: "w", itemIds: [] })],
  deleteDigestWindow: [(store) => stores.deleteDigestWindow(store, "k", "w")],
  claimEntry: [(store) => stores.claimEntry(store, { ...whose, campaignId: "c" }, { by: "b", at: NOW, since: BEFORE })],
  settleEntry: [(store) => stores.settleEntry(store, { ...whose, campaignId: "c" }, NOW)],
  findSettled: [(store) => stores.findSettled(store, ["e"])],
  findErasure: [(store) => stores.findErasure(store, W, "e")],
  requestErasure: [(store) => stores.requestErasure(store, { ...whose, id: "e", now: NOW })],
  listOpenErasures: [(store) => stores.listOpenErasures(store, W)],
  addErased: [(store) => stores.addErased(store, "e", [{ part: "collection", name: "inbox", erased: 1 }])],
  finishErasure: [(store) => stores.finishErasure(store, "e", { certified: 1 })],
  listErasedSince: [(store) => stores.listErasedSince(store, BEFORE)],
  streamEventsOfDay: [
    (store) => stores.streamEventsOfDay(store, { workspaceId: W, collection: "events", dayMs: 0, limit: 10 }),
    (store) => stores.streamEventsOfDay(store, { workspaceId: W, collection: "order_events", dayMs: 0, limit: 10 }),
  ],
  streamEventsById: [(store) => stores.streamEventsById(store, "events", ["e"])],
  removeEvents: [(store) => stores.removeEvents(store, "order_events", ["e"])],
  restoreEvents: [(store) => stores.restoreEvents(store, "events", [])],
  findEvents: [(store) => stores.findEvents(store, W, ["iv"])],
  listEvents: [(store) => stores.listEvents(store, W, "iv")],
  findEventKinds: [(store) => stores.findEventKinds(store, W, ["iv"])],
  findHappened: [(store) => stores.findHappened(store, ["iv"], ["clicked"])],
  findFanOut: [(store) => stores.findFanOut(store, W, "f")],
  listRunningFanOuts: [(store) => stores.listRunningFanOuts(store, W)],
  claimFanOut: [(store) => stores.claimFanOut(store, "f", lease)],
  advanceFanOut: [
    (store) =>
      stores.advanceFanOut(store, "f", {
        ...{ fence: 1, state: "done", cursor: 0, acceptedCount: 0, failedCount: 0, now: NOW, heldUntil: NOW },
      }),
  ],
  listRuns: [(store) => stores.listRuns(store, W, "c")],
  setRunPaused: [(store) => stores.setRunPaused(store, "f", true)],
  cancelFanOut: [(store) => stores.cancelFanOut(store, "f", NOW)],
  inTransaction: [],
  listInbox: [
    (store) => stores.listInbox(store, { ...whose, now: NOW, limit: 10, includeArchived: true }),
    (store) => stores.listInbox(store, { ...whose, now: NOW, before: ":", limit: 10, includeArchived: false }),
  ],
  countUnread: [(store) => stores.countUnread(store, { ...whose, now: NOW })],
  findInboxItems: [(store) => stores.findInboxItems(store, { ...whose, ids: ["iv"] })],
  markInbox: [(store) => stores.markInbox(store, { ...whose, ids: ["iv-umbrella-0"], mark: "read", at: NOW })],
  withdrawInboxItems: [(store) => stores.withdrawInboxItems(store, ["iv"])],
  findInterventions: [(store) => stores.findInterventions(store, W, ["iv"])],
  listInterventions: [
    (store) => stores.listInterventions(store, look),
    (store) => stores.listInterventions(store, { ...look, userId: U }),
  ],
  listAcceptedIds: [(store) => stores.listAcceptedIds(store, span)],
  listOutbox: [(store) => stores.listOutbox(store, look)],
  findPlacementOffer: [(store) => stores.findPlacementOffer(store, W, "o")],
  replacePlacementOffer: [
    (store) => stores.replacePlacementOffer(store, W, create(PlacementOfferSchema, { offerId: "o" })),
  ],
  listPlacementOffers: [(store) => stores.listPlacementOffers(store, page)],
  deletePlacementOffer: [(store) => stores.deletePlacementOffer(store, W, "o")],
  listPredictionOutcomes: [(store) => stores.listPredictionOutcomes(store, { ...span, kind: 1, model: "m" })],
  findKnownPredictions: [(store) => stores.findKnownPredictions(store, ["p"])],
  findWithNewer: [
    (store) => stores.findWithNewer(store, newer.slice(0, 1)),
    (store) => stores.findWithNewer(store, newer),
  ],
  findNewestPrediction: [(store) => stores.findNewestPrediction(store, { ...whose, kind: 1, now: NOW })],
  listPredictionsOf: [(store) => stores.listPredictionsOf(store, W, [U, "bob"])],
  listPredictions: [(store) => stores.listPredictions(store, { ...span, kind: 1 })],
  putProducts: [
    (store) => stores.putProducts(store, [product]),
    (store) => stores.putProducts(store, [{ ...product, version: `${product.version}~` }]),
  ],
  findProducts: [(store) => stores.findProducts(store, W, ["p"])],
  listProducts: [
    (store) => stores.listProducts(store, { ...page, category: "", prefix: "", after: "" }),
    (store) => stores.listProducts(store, { ...page, category: "shoes", prefix: "a", after: "ab" }),
  ],
  mergeProfiles: [
    (store) =>
      stores.mergeProfiles(store, { from: profile, into: profile, record: { ...merge, _id: stores.profileId(W, "x") } }),
  ],
  listProfileMerges: [(store) => stores.listProfileMerges(store, W, U)],
  findProfileOutlines: [(store) => stores.findProfileOutlines(store, [whose])],
  findProfiles: [(store) => stores.findProfiles(store, [whose])],
  replaceProfile: [(store) => stores.replaceProfile(store, profile)],
  listProfiles: [
    (store) => stores.listProfiles(store, { ...page, by: { prefix: "a" } }),
    (store) => stores.listProfiles(store, { ...page, by: { prefix: "" }, after: "a" }),
    (store) => stores.listProfiles(store, { ...page, by: { searchKey: "k" }, after: "a" }),
  ],
  streamProfileUsers: [(store) => stores.streamProfileUsers(store, W)],
  listProviderAccounts: [(store) => stores.listProviderAccounts(store, W)],
  listProviderAccountsChanged: [(store) => stores.listProviderAccountsChanged(store, NOW)],
  findProviderAccount: [(store) => stores.findProviderAccount(store, W, "a")],
  replaceProviderAccount: [(store) => stores.replaceProviderAccount(store, account)],
  countQuotaSlots: [(store) => stores.countQuotaSlots(store, quota)],
  findQuotaSlot: [(store) => stores.findQuotaSlot(store, W, "c")],
  deleteQuotaSlot: [(store) => stores.deleteQuotaSlot(store, W, "c")],
  reckon: [(store) => stores.reckon(store, W, { slices: [1], nowMs: NOW.getTime() })],
  sumSlice: [(store) => stores.sumSlice(store, W, 1)],
  listRetention: [(store) => stores.listRetention(store, W)],
  setRetention: [(store) => stores.setRetention(store, { workspaceId: W, kind: "inbox", days: 0 })],
  findFinalUntil: [(store) => stores.findFinalUntil(store, W)],
  setFinalUntil: [(store) => stores.setFinalUntil(store, W, NOW)],
  listSliceMarks: [(store) => stores.listSliceMarks(store, { workspaceId: W, until: 1, limit: 10 })],
  deleteSliceMarks: [(store) => stores.deleteSliceMarks(store, ["m"])],
  findRollups: [(store) => stores.findRollups(store, W, [{ kind: "day", n: 1 }])],
  listSchedules: [(store) => stores.listSchedules(store, W)],
  listSchedulesDue: [(store) => stores.listSchedulesDue(store, W, NOW)],
  advanceSchedule: [(store) => stores.advanceSchedule(store, "s", { from: BEFORE, to: NOW })],
  deleteSchedule: [
    async (store) => {
      await stores.insertSchedule(store, { _id: "s", workspaceId: W, schedule: new Binary() });
      await stores.deleteSchedule(store, W, "s");
    },
  ],
  findSegment: [(store) => stores.findSegment(store, { workspaceId: W, segmentId: "s" })],
  replaceSegment: [
    (store) =>
      stores.replaceSegment(store, {
        ...{ workspaceId: W, segment: create(SegmentSchema, { segmentId: "s" }), updatedAt: NOW },
      }),
  ],
  listSegments: [(store) => stores.listSegments(store, page)],
  listSegmentsChanged: [(store) => stores.listSegmentsChanged(store, NOW)],
  listShopEvents: [
    (store) => stores.listShopEvents(store, { ...whose, limit: 10, now: NOW }),
    (store) => stores.listShopEvents(store, { ...whose, limit: 0, now: NOW }),
  ],
  findShopEventsOf: [(store) => stores.findShopEventsOf(store, { workspaceId: W, userIds: [U, "bob"], limit: 10 })],
  streamShopEventUsers: [(store) => stores.streamShopEventUsers(store, W)],
  listOrders: [(store) => stores.listOrders(store, { ...whose, from: BEFORE, until: NOW })],
  noteShopperChanges: [(store) => stores.noteShopperChanges(store, [whose])],
  listShopperChanges: [(store) => stores.listShopperChanges(store, W, 10)],
  deleteShopperChanges: [(store) => stores.deleteShopperChanges(store, ["c"])],
  findShoppers: [(store) => stores.findShoppers(store, W, [U])],
  findMemberships: [(store) => stores.findMemberships(store, W, [U])],
  saveShoppers: [(store) => stores.saveShoppers(store, [{ ...shopper, _id: "nobody" }])],
  deleteShopper: [(store) => stores.deleteShopper(store, W, "nobody")],
  setListed: [(store) => stores.setListed(store, { workspaceId: W, userIds: [U], segmentId: "s", isIn: true })],
  findCustomers: [(store) => stores.findCustomers(store, W)],
  countShoppers: [
    (store) => stores.countShoppers(store, { workspaceId: W }),
    (store) => stores.countShoppers(store, { workspaceId: W, key: "k" }),
    (store) => stores.countShoppers(store, { workspaceId: W, key: "k", filter: { revision: { $gt: 1 } } }),
  ],
  sampleShoppers: [
    (store) => stores.sampleShoppers(store, { workspaceId: W }, 10),
    (store) => stores.sampleShoppers(store, { workspaceId: W, key: "k", filter: { revision: { $gt: 1 } } }, 10),
  ],
  listShoppers: [(store) => stores.listShoppers(store, places)],
  listKeyed: [(store) => stores.listKeyed(store, { ...places, key: "k" })],
  subscribe: [(store) => stores.subscribe(store, { ...whose, topic: "umbrella" }, NOW)],
  unsubscribe: [(store) => stores.unsubscribe(store, { ...whose, topic: "none" })],
  listSubscriptions: [(store) => stores.listSubscriptions(store, { ...whose, after: "", limit: 10 })],
  countSubscriptions: [(store) => stores.countSubscriptions(store, whose, 10)],
  countFollowers: [(store) => stores.countFollowers(store, W, "t")],
  listFollowers: [(store) => stores.listFollowers(store, { ...places, topic: "t" })],
  isFollowed: [(store) => stores.isFollowed(store, W, "umbrella")],
  suppressHash: [
    (store) =>
      stores.suppressHash(
        store,
        { workspaceId: W, hash: "h", channel: "email", scope: "all", reason: "bounce", source: "" },
        NOW,
      ),
  ],
  findSuppressions: [(store) => stores.findSuppressions(store, keyed, [address])],
  deleteSuppression: [(store) => stores.deleteSuppression(store, keyed, { ...address, scope: "all" })],
  listSuppressions: [(store) => stores.listSuppressions(store, { workspaceId: W, after: "", limit: 10 })],
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
    (store) =>
      stores.putTopicRule(store, { workspaceId: W, kind: "price_drop", rule: create(TopicRuleSchema) }),
  ],
  listTopicRules: [(store) => stores.listTopicRules(store, W)],
  deleteTopicRule: [(store) => stores.deleteTopicRule(store, W, "price_drop")],
  listWebhookEndpoints: [(store) => stores.listWebhookEndpoints(store, W)],
  findWebhookEndpoint: [(store) => stores.findWebhookEndpoint(store, W, "we")],
  updateWebhookEndpoint: [(store) => stores.updateWebhookEndpoint(store, "we", { reason: "" }, { clearFailing: true })],
  deleteWebhookEndpoint: [(store) => stores.deleteWebhookEndpoint(store, "we")],
  findWebhookDeliveries: [(store) => stores.findWebhookDeliveries(store, ["d"])],
  listWebhookDeliveries: [(store) => stores.listWebhookDeliveries(store, { ...look, endpointId: "we" })],
  listWorkspaces: [(store) => stores.listWorkspaces(store)],
  findWorkspace: [(store) => stores.findWorkspace(store, W)],
  changeWorkspace: [
    (store) =>
      stores.inTransaction(store, (session) => stores.changeWorkspace(store, W, { displayName: "Main" }, session)),
  ],
  touchKeys: [(store) => stores.inTransaction(store, (session) => stores.touchKeys(store, W, session))],
};
