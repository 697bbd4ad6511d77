import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import type { AccessDirectory } from "./access-directory.ts";

/** A workspace's messages a day on a channel, in days of its time zone; undefined where it has no quota. */
export const toFindQuota =
  (access: Pick<AccessDirectory, "findWorkspace">, timeZone: string) =>
  (workspaceId: string, channel: OutsideChannelName) => {
    const workspace = access.findWorkspace(workspaceId);
    const perDay = workspace?.limits?.quotas?.[channel];
    return perDay === undefined ? undefined : { perDay, timeZone: workspace?.defaultTimeZone ?? timeZone };
  };
