import type { Permission } from "../domain/access/permissions.ts";
import type { AlarmThresholds } from "../domain/analytics/find-alarms.ts";
import type { WorkspaceLimits } from "../store/index.ts";

/** A tenant, as everything inside knows it. */
export type Workspace = {
  readonly id: string;
  readonly idSecret: Uint8Array;
  readonly createdAt: Date;
  /** IANA. Absent: the engine's default. */
  readonly defaultTimeZone?: string;
  readonly limits?: WorkspaceLimits;
  /** Absent: the usual ones. */
  readonly alarms?: AlarmThresholds;
  /** Absent: links are tracked where the settings say so. */
  readonly linkTrackingOff?: boolean;
};

/** What a service has shown to be let in, by which it can be seen whether that still holds. */
export type ServiceCredential =
  | { readonly kind: "key"; readonly prefix: string; readonly hash: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "gateway" };

/** A service that has shown an API key, or a token that names it as one. */
export type ServiceCaller = {
  readonly kind: "service";
  readonly workspace: Workspace;
  /** Who it is in the audit log: `key/{prefix}`, `token/{subject}` or `gateway/{user}`. */
  readonly actor: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly credential: ServiceCredential;
};

/** A user's browser or app that has shown a token. */
export type UserCaller = {
  readonly kind: "user";
  readonly workspace: Workspace;
  readonly userId: string;
  readonly tokenExpiresAt: Date;
};

export type Caller = ServiceCaller | UserCaller;
