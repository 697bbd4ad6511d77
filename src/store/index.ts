export { advanceCheckpoint, claimLease, findCheckpoint } from "./checkpoints.ts";
export { connectStore, type Store } from "./connect-store.ts";
export { type ConsentDocument, consentId, listConsentChanges, recordConsent } from "./consents.ts";
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
export { listProfileMerges, mergeProfiles, type ProfileMergeDocument } from "./profile-merges.ts";
export {
  findProfileOutlines,
  findProfiles,
  insertProfiles,
  listProfiles,
  type ProfileDocument,
  type ProfileOutline,
  profileId,
  replaceProfile,
} from "./profiles.ts";
export {
  type ApiKeyDocument,
  insertApiKey,
  insertWorkspace,
  listApiKeys,
  listWorkspaces,
  type WorkspaceDocument,
} from "./workspaces.ts";
