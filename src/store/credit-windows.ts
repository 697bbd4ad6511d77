import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { type CreditWindows, WINDOWS } from "../domain/attribution/credit-order.ts";
import { findCampaigns, toCampaign } from "./campaigns.ts";
import type { Store } from "./connect-store.ts";

/** What campaigns say that they are credited for, by their ids; those that say nothing, and what is no campaign's, are left out. */
export async function findCreditWindows(
  store: Store,
  workspaceId: string,
  campaignIds: readonly string[],
): Promise<Map<string, CreditWindows>> {
  const named = [...new Set(campaignIds)].filter((id) => id !== "");
  const found = named.length === 0 ? [] : await findCampaigns(store, workspaceId, named);
  const windows = new Map<string, CreditWindows>();
  for (const document of found) {
    const { campaignId, creditWindows } = toCampaign(document);
    if (creditWindows === undefined) continue;
    const { click, view, clicksOnly } = creditWindows;
    windows.set(campaignId, {
      clickMs: toMs(click) ?? WINDOWS.clickMs,
      viewMs: clicksOnly ? undefined : (toMs(view) ?? WINDOWS.viewMs),
    });
  }
  return windows;
}

const toMs = (duration: Duration | undefined) => (duration === undefined ? undefined : durationMs(duration));
