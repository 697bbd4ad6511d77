export { type AddressWishDocument, followWish } from "./address-wishes.ts";
export {
  type ApiKeyDocument,
  findApiKey,
  insertApiKey,
  KEYS_PER_WORKSPACE_MAX,
  type KeySecret,
  listApiKeys,
  listApiKeysOf,
  noteKeysUsed,
  setPlatformKey,
} from "./api-keys.ts";
export {
  type AttemptDocument,
  type AttemptResultDocument,
  attemptId,
  claimAttempts,
  deliveryId,
  findAttempts,
  findSentAs,
  type KnownAttempt,
  listAttempts,
  settleAttempts,
  toAttemptFilters,
  toSentAs,
} from "./attempts.ts";
export { type AuditDocument, insertAuditEntry, listAuditEntries, setAuditOutcome, toBoundary } from "./audit.ts";
export { claimBudget, findBudgetUse, type Granted, releaseBudget } from "./campaign-budgets.ts";
export {
  advanceCampaign,
  type CampaignDocument,
  campaignDocumentId,
  findCampaign,
  findCampaigns,
  insertCampaign,
  listCampaigns,
  listCampaignsChanged,
  listCampaignsDue,
  replaceCampaign,
  toCampaign,
  toStanding,
} from "./campaigns.ts";
export {
  type CartWatchDocument,
  deleteCartWatches,
  insertCartWatches,
  listDueCartWatches,
} from "./cart-watches.ts";
export { advanceCheckpoint, claimLease, findCheckpoint } from "./checkpoints.ts";
export {
  type ChoiceBucketDocument,
  choiceBucketId,
  listChoiceBucketsChanged,
  replaceChoiceBuckets,
} from "./choice-buckets.ts";
export {
  addCodes,
  countDraws,
  findCodePool,
  findCodes,
  findDraws,
  insertDraws,
  type PoolScope,
} from "./code-pools.ts";
export { connectStore, type Store } from "./connect-store.ts";
export {
  type ConsentRequestDocument,
  findConsentRequest,
  insertConsentRequest,
  listConsentRequests,
} from "./consent-requests.ts";
export { type ConsentDocument, consentId, findConsents, listConsentChanges, recordConsent } from "./consents.ts";
export { type ContestOf, claimContest, enterContest, leaveContest } from "./contests.ts";
export {
  type ConversionDocument,
  findConversion,
  findTouches,
  listConversionsOf,
  streamConversions,
} from "./conversions.ts";
export { creditAll, creditOrders, listOrdersAfter } from "./credit-orders.ts";
export { findCurrentAlarms } from "./current-alarms.ts";
export {
  type DecisionDocument,
  type DecisionOutline,
  decisionId,
  findDecidedIds,
  findDecisionOutlines,
  findDecisions,
  findLastCapNumber,
  findLatestRounds,
  insertDecisions,
  listChosen,
  listDelaysDue,
  listFallbacksDue,
  listPriorSends,
  listRounds,
  type PriorSend,
  toCapSlot,
  toDecision,
  toDecisionInput,
  toStandingRound,
} from "./decisions.ts";
export {
  type DigestItemDocument,
  type DigestWindowDocument,
  deleteDigestWindow,
  findDigestItems,
  findDigestWindow,
  insertDigestItems,
  listPendingItems,
  openDigestWindow,
  sealDigestWindow,
  takeDigestItems,
} from "./digests.ts";
export { claimEntry, entryId, findSettled, settleEntry } from "./entries.ts";
export {
  addErased,
  type ErasedCount,
  type ErasureDocument,
  findErasure,
  finishErasure,
  listErasedSince,
  listOpenErasures,
  requestErasure,
} from "./erasures.ts";
export {
  type EventCollection,
  removeEvents,
  restoreEvents,
  streamEventsById,
  streamEventsOfDay,
} from "./event-days.ts";
export {
  type EventDocument,
  findEventKinds,
  findEvents,
  findHappened,
  insertEvents,
  isByPerson,
  listEvents,
  toEventDocument,
  toEventFilters,
  toOrderKey,
  toStored,
  toTouchKey,
} from "./events.ts";
export {
  type ExperimentLookDocument,
  hasExperimentLook,
  insertExperimentLook,
  listExperimentLooks,
} from "./experiment-looks.ts";
export {
  type ExperimentDocument,
  experimentKey,
  findExperiment,
  insertExperiment,
  listExperiments,
  listExperimentsChanged,
  replaceExperiment,
  toExperiment,
} from "./experiments.ts";
export { type ExposureDocument, findExposures, insertExposures, listExposures, toExposure } from "./exposures.ts";
export {
  advanceFanOut,
  cancelFanOut,
  claimFanOut,
  type FanOutDocument,
  findFanOut,
  findPassTime,
  insertFanOuts,
  listRunningFanOuts,
  listRuns,
  setRunPaused,
} from "./fan-outs.ts";
export { findChanged, type SaidOfEvent } from "./find-changed.ts";
export { inTransaction } from "./in-transaction.ts";
export {
  countUnread,
  findInboxItems,
  type InboxDocument,
  insertInboxItems,
  listInbox,
  markInbox,
  withdrawInboxItems,
} from "./inbox.ts";
export { insertNew } from "./insert-new.ts";
export {
  findInterventions,
  type InterventionDocument,
  listAcceptedIds,
  listInterventions,
  toInterventionMessage,
  toPosition,
} from "./interventions.ts";
export { onStore } from "./on-store.ts";
export { insertOutbox, listOutbox, type OutboxDocument } from "./outbox.ts";
export { streamOrdersOf, streamShopEventsOf, streamTouchesOf } from "./outcomes.ts";
export {
  deletePlacementOffer,
  findPlacementOffer,
  insertPlacementOffer,
  listPlacementOffers,
  replacePlacementOffer,
  toPlacementOffer,
} from "./placement-offers.ts";
export { PLACES, readPlaces, SPAN_FIRST, toPlace } from "./places.ts";
export {
  insertPredictionOutcomes,
  listPredictionOutcomes,
  type PredictionOutcomeDocument,
} from "./prediction-outcomes.ts";
export {
  findKnownPredictions,
  findNewestPrediction,
  findWithNewer,
  insertPredictions,
  listPredictions,
  listPredictionsOf,
  type PredictionDocument,
  predictionDocumentId,
  toPrediction,
} from "./predictions.ts";
export { findProducts, listProducts, type PutOutcome, putProducts, toProductDocument } from "./products.ts";
export { listProfileMerges, mergeProfiles, type ProfileMergeDocument, streamProfileMerges } from "./profile-merges.ts";
export {
  findProfileOutlines,
  findProfiles,
  insertProfiles,
  listProfiles,
  type ProfileDocument,
  type ProfileOutline,
  profileId,
  replaceProfile,
  streamProfileUsers,
} from "./profiles.ts";
export {
  ACCOUNTS_MAX,
  byOrder,
  findProviderAccount,
  insertProviderAccount,
  listProviderAccounts,
  listProviderAccountsChanged,
  type ProviderAccountDocument,
  replaceProviderAccount,
} from "./provider-accounts.ts";
export {
  countQuotaSlots,
  deleteQuotaSlot,
  findQuotaSlot,
  insertQuotaSlots,
  type QuotaScope,
} from "./quota-slots.ts";
export { reckon, sumSlice } from "./reckon.ts";
export { listRetention, setRetention } from "./retention.ts";
export {
  deleteSliceMarks,
  findFinalUntil,
  findRollups,
  listSliceMarks,
  type RollupDocument,
  rollupId,
  setFinalUntil,
} from "./rollups.ts";
export {
  advanceSchedule,
  deleteSchedule,
  insertSchedule,
  listSchedules,
  listSchedulesDue,
  type ScheduleDocument,
  toSchedule,
} from "./schedules.ts";
export {
  findSegment,
  insertSegment,
  listSegments,
  listSegmentsChanged,
  replaceSegment,
  type SegmentDocument,
  toSegment,
} from "./segments.ts";
export {
  findShopEventsOf,
  type GivenShopEvent,
  insertShopEvents,
  listOrders,
  listShopEvents,
  type ShopEventDocument,
  streamShopEventUsers,
} from "./shop-events.ts";
export { deleteShopperChanges, listShopperChanges, noteShopperChanges } from "./shopper-changes.ts";
export {
  countShoppers,
  deleteShopper,
  findCustomers,
  findMemberships,
  findShoppers,
  listKeyed,
  listKeyedZones,
  listShoppers,
  type ShopperDocument,
  type ShopperQuery,
  sampleShoppers,
  saveShoppers,
  setListed,
  toMemberKey,
} from "./shoppers.ts";
export { countSoftBounces, insertSoftBounces } from "./soft-bounces.ts";
export {
  countFollowers,
  countSubscriptions,
  isFollowed,
  listFollowers,
  listSubscriptions,
  subscribe,
  unsubscribe,
} from "./subscriptions.ts";
export {
  type AddressOf,
  deleteSuppression,
  findSuppressions,
  hashOf,
  insertSuppressions,
  listSuppressions,
  type SuppressionDocument,
  type SuppressionReasonName,
  type SuppressionScopeName,
  toAddressHash,
} from "./suppressions.ts";
export {
  findTemplate,
  findTemplateHead,
  findTemplateVersion,
  insertTemplate,
  insertTemplateVersion,
  listTemplates,
  listTemplateVersions,
  replaceTemplate,
} from "./templates.ts";
export { deleteTopicRule, listTopicRules, putTopicRule } from "./topic-rules.ts";
export {
  findJourneyVersion,
  insertJourneyVersion,
  insertTravellers,
  listTravellersDue,
  listTravellersOf,
  moveTravellers,
  type TakenStep,
  type TravellerDocument,
} from "./travellers.ts";
export {
  deleteWebhookEndpoint,
  ENDPOINTS_MAX,
  findWebhookDeliveries,
  findWebhookEndpoint,
  insertWebhookDeliveries,
  insertWebhookEndpoint,
  listWebhookDeliveries,
  listWebhookEndpoints,
  toDeliveryId,
  updateWebhookEndpoint,
  type WebhookDeliveryDocument,
  type WebhookEndpointDocument,
} from "./webhooks.ts";
export {
  changeWorkspace,
  findWorkspace,
  type IdentityProvider,
  insertWorkspace,
  listWorkspaces,
  touchKeys,
  WORKSPACES_MAX,
  type WorkspaceChange,
  type WorkspaceDocument,
  type WorkspaceLimits,
} from "./workspaces.ts";
