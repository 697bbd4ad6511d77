import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey } from "@connectrpc/connect";
import { PermissionDenied, Unauthenticated } from "../domain/errors.ts";
import type { AccessDirectory, Caller, ServiceCaller } from "../integrations/access-directory.ts";
import { findAccessRule, toMethodName } from "./access-rules.ts";

/** Who can be known by a credential. */
export type Directory = Pick<AccessDirectory, "findService" | "findUser">;

const callerKey = createContextKey<Caller | undefined>(undefined, { description: "caller" });

/** Lets a call through to whom its method is for, and remembers who it is. Does nothing when it was done before.
 *  @throws Unauthenticated without a credential that is known; PermissionDenied when it is not for this method. */
export function authenticate(
  directory: Directory,
  call: { readonly method: DescMethod; readonly header: Headers; readonly values: ContextValues },
): void {
  const rule = findAccessRule(call.method);
  if (rule === "open" || call.values.get(callerKey) !== undefined) return;
  if (rule === undefined) throw new PermissionDenied(`nobody may call ${toMethodName(call.method)}`);
  const credential = /^Bearer ([^\s]+)$/i.exec(call.header.get("authorization") ?? "")?.[1];
  if (credential === undefined)
    throw new Unauthenticated("a credential is missing: send the header Authorization: Bearer {API key}");
  const caller = directory.findService(credential) ?? directory.findUser(credential);
  if (caller === undefined) throw new Unauthenticated("the credential is not known, or has ended");
  if (caller.kind === "user" && rule === "service")
    throw new PermissionDenied(`${toMethodName(call.method)} is for services: send an API key, not a user's token`);
  call.values.set(callerKey, caller);
}

/** Who calls. */
export function getCaller(values: ContextValues): Caller {
  const caller = values.get(callerKey);
  if (caller === undefined) throw new Unauthenticated("a credential is missing");
  return caller;
}

/** The service that calls. */
export function getService(values: ContextValues): ServiceCaller {
  const caller = getCaller(values);
  if (caller.kind !== "service") throw new PermissionDenied("this is for services: send an API key");
  return caller;
}
