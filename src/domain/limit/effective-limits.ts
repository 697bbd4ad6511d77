import type { RateLimit } from "./token-bucket.ts";

/** Of each key (or user) of a workspace, and of the workspace as a whole. */
export type CallRates = { readonly key: RateLimit; readonly workspace: RateLimit };

/** What holds for a workspace: limits of its own, or what is allowed to all. */
export const toEffective = (allowed: CallRates, own: Partial<CallRates> | undefined): CallRates => ({
  key: own?.key ?? allowed.key,
  workspace: own?.workspace ?? allowed.workspace,
});
