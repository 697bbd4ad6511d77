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
export { type AuditDocument, insertAuditEntry, listAuditEntries, setAuditOutcome, toBoundary } from "./audit.ts";
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
  type EventDocument,
  findEventKinds,
  findHappened,
  insertEvents,
  listEvents,
  toEventDocument,
} from "./events.ts";
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
} from "./workspaces.ts";
