import type { AccessDirectory, Workspace } from "../integrations/access-directory.ts";
import { claimLease } from "../store/index.ts";
import { type EraseOptions, eraseUsers } from "./erase-users.ts";
import type { SweepParts } from "./sweep-days.ts";
import { sweepRetention } from "./sweep-retention.ts";

const LEASE_MS = 30_000;
const RENEW_MS = LEASE_MS / 3;
const SWEEP_MS = 60_000;

/** Erases who is to be erased and removes what is kept no longer, one process at a time for a workspace.
 *  @returns one turn of it, to be run again and again. */
export function tendPrivacy(
  options: EraseOptions & SweepParts & { readonly access: Pick<AccessDirectory, "workspaces"> },
  holder: string,
): () => Promise<void> {
  const { access, store } = options;
  /** When each workspace was swept last, ms. */
  const sweptAt = new Map<string, number>();
  const tend = async (workspace: Workspace) => {
    await eraseUsers(options, workspace);
    if (Date.now() - (sweptAt.get(workspace.id) ?? 0) < SWEEP_MS) return;
    await sweepRetention(options, workspace, new Date());
    sweptAt.set(workspace.id, Date.now());
  };
  return async () => {
    for (const workspace of access.workspaces()) {
      const claim = () => {
        const now = new Date();
        return claimLease(store, `privacy/${workspace.id}`, { holder, now, until: new Date(now.getTime() + LEASE_MS) });
      };
      if (!(await claim())) continue;
      // A round through long streams takes longer than the lease.
      const renewal = setInterval(() => void claim().catch((error: unknown) => warn(options, error)), RENEW_MS);
      try {
        await tend(workspace);
      } finally {
        clearInterval(renewal);
      }
    }
  };
}

function warn({ log }: EraseOptions, error: unknown): void {
  log.warn({ event: "privacy_lease", err: error }, "the right to erase can't be renewed at the moment");
}
