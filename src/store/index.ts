export { advanceCheckpoint, claimLease, findCheckpoint } from "./checkpoints.ts";
export { connectStore, type Store } from "./connect-store.ts";
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
  listDelaysDue,
  listPriorSends,
  listRounds,
  type PriorSend,
  toCapSlot,
  toDecision,
  toDecisionInput,
} from "./decisions.ts";
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
  type EventDocument,
  findEventKinds,
  findHappened,
  insertEvents,
  listEvents,
  toEventDocument,
  toEventFilters,
} from "./events.ts";
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
export { listRetention, setRetention } from "./retention.ts";
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
  type ApiKeyDocument,
  insertApiKey,
  insertWorkspace,
  listApiKeys,
  listWorkspaces,
  type WorkspaceDocument,
} from "./workspaces.ts";
