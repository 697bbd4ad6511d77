import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createContextKey } from "@connectrpc/connect";
import { PermissionDenied, Unauthenticated } from "../domain/errors.ts";
import type { AccessDirectory, Caller, ServiceCaller } from "../integrations/access-directory.ts";
import { type AccessRule, findAccessRule, toMethodName } from "./access-rules.ts";

/** Who can be known by a credential, or by the word of an API gateway. */
export type Directory = Pick<AccessDirectory, "findService" | "findUser" | "findForwarded" | "isInForce">;

type Call = { readonly method: DescMethod; readonly header: Headers; readonly values: ContextValues };

const callerKey = createContextKey<Caller | undefined>(undefined, { description: "caller" });

/** Lets a call through to whom its method is for, and remembers who it is. Does nothing when it was done before.
 *  @throws Unauthenticated without a credential that is known; PermissionDenied when it is not for this method. */
export function authenticate(directory: Directory, call: Call): void {
  const rule = findAccessRule(call.method);
  if (rule?.for === "anybody" || call.values.get(callerKey) !== undefined) return;
  if (rule === undefined) throw new PermissionDenied(`nobody may call ${toMethodName(call.method)}`);
  const caller = findCaller(directory, call);
  requirePermission(caller, rule, toMethodName(call.method));
  call.values.set(callerKey, caller);
}

/** The gateway's word comes first: it has looked at the credential that it may pass on beside it. */
function findCaller(directory: Directory, { method, header }: Call): Caller {
  const forwarded = directory.findForwarded({
    path: `/${toMethodName(method)}`,
    header: (name) => header.get(name) ?? "",
  });
  if (forwarded === "refused")
    throw new Unauthenticated(
      "the forwarded identity is not proven: its proof is missing, wrong or older than a minute",
    );
  if (forwarded !== "absent") return forwarded;
  const credential = /^Bearer ([^\s]+)$/i.exec(header.get("authorization") ?? "")?.[1];
  if (credential === undefined)
    throw new Unauthenticated("a credential is missing: send the header Authorization: Bearer {API key}");
  const caller = directory.findService(credential) ?? directory.findUser(credential);
  if (caller === undefined) throw new Unauthenticated("the credential is not known, or has ended");
  return caller;
}

function requirePermission(caller: Caller, rule: Exclude<AccessRule, { for: "anybody" }>, name: string): void {
  if (caller.kind === "user") {
    if (rule.for === "service_or_user") return;
    throw new PermissionDenied(`${name} is for services: send an API key, not a user's token`);
  }
  if (!rule.permissions.some((permission) => caller.permissions.has(permission)))
    throw new PermissionDenied(
      `${name} needs the permission "${rule.permissions.join('" or "')}", which this caller's roles don't give`,
    );
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

/** Who calls, once it has been let in; undefined for methods that are for anybody. */
export const findCallerOf = (values: ContextValues): Caller | undefined => values.get(callerKey);
