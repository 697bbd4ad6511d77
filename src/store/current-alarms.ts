import { CountedSum } from "../domain/analytics/counted.ts";
import { type Alarm, type AlarmThresholds, findAlarms, THRESHOLDS } from "../domain/analytics/find-alarms.ts";
import { coverWithSpans, SPAN_MS } from "../domain/analytics/span.ts";
import type { Store } from "./connect-store.ts";
import { findRollups } from "./rollups.ts";

/** How far back rates look: long enough for a campaign to have sent, short enough to have an end when it is mended. */
const LOOK_MS = SPAN_MS.day;

/** The alarms of a workspace, by its figures of the last 24 hours.
 *  @param thresholds undefined: the usual ones. */
export async function findCurrentAlarms(
  store: Store,
  workspaceId: string,
  { thresholds = THRESHOLDS, now }: { readonly thresholds?: AlarmThresholds | undefined; readonly now: Date },
): Promise<Alarm[]> {
  const spans = coverWithSpans(now.getTime() - LOOK_MS, now.getTime() + SPAN_MS.minute);
  const sum = new CountedSum();
  for (const { cells } of (await findRollups(store, workspaceId, spans, "cells")).values()) sum.add({ cells });
  return findAlarms(sum.toCounted().cells, thresholds);
}
