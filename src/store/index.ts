export { advanceCheckpoint, findCheckpoint } from "./checkpoints.ts";
export { connectStore, type Store } from "./connect-store.ts";
export {
  advanceDeliveries,
  claimDelivery,
  type DecisionDocument,
  type DeliveryStep,
  decisionId,
  findDecidedIds,
  findDeliveries,
  findDecisions,
  findLastCapSequence,
  findLatestRounds,
  insertDecisions,
  listDelaysDue,
  listPriorSends,
  listRounds,
  listUndelivered,
  type PriorSend,
  toDecision,
  toDecisionInput,
} from "./decisions.ts";
export { type EventDocument, insertEvents, listEvents } from "./events.ts";
export { countUnread, type InboxDocument, type InboxPosition, insertInboxItems, listInbox, markInbox, withdrawInboxItems } from "./inbox.ts";
export { insertNew } from "./insert-new.ts";
export { findInterventions, type InterventionDocument, type ListPosition, listAcceptedBetween, listInterventions, toInterventionMessage } from "./interventions.ts";
export { type ApiKeyDocument, insertApiKey, insertWorkspace, listApiKeys, listWorkspaces, type WorkspaceDocument } from "./workspaces.ts";
