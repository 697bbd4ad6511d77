import type { ServiceImpl } from "@connectrpc/connect";
import type { AdminService } from "../../gen/intervention/v1/admin_service_pb.js";
import type { AccessDirectory } from "../integrations/access-directory.ts";
import type { Store } from "../store/index.ts";
import { auditMethods } from "./admin-audit.ts";
import { keyMethods } from "./admin-keys.ts";
import { workspaceMethods } from "./admin-workspaces.ts";

/** What administering works with. */
export type AdminParts = {
  readonly store: Store;
  readonly access: Pick<AccessDirectory, "changed">;
  readonly now: () => Date;
  /** Whether identity providers' keys may come in clear text. */
  readonly allowHttpJwks: boolean;
  /** Whether they may be at addresses of private networks. */
  readonly allowPrivateJwks: boolean;
  /** Issuers that the engine's settings trust. */
  readonly trustedIssuers: readonly string[];
};

/** Workspaces, the keys that open them, and the record of who changed what. */
export function adminService(parts: AdminParts): ServiceImpl<typeof AdminService> {
  return { ...workspaceMethods(parts), ...keyMethods(parts), ...auditMethods(parts) };
}
