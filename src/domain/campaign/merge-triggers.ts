import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Campaign } from "../../../gen/intervention/v1/campaign_pb.js";
import { toDailyRule, toDigestWindow } from "../digest/to-window.ts";

type Timed = { readonly id: string; readonly atMs: number };

/** When a campaign would ask for a message, and by which trigger. */
export type Moment<T> = { readonly atMs: number; readonly trigger: T };

/** The messages that a user's triggers become by a campaign's debounce or digest, oldest first.
 *  @param triggers oldest first. @param timeZone of the user, for a digest at a time of day. */
export function mergeTriggers<T extends Timed>(
  { debounce, digest }: Pick<Campaign, "debounce" | "digest">,
  triggers: readonly T[],
  timeZone: string,
): Moment<T>[] {
  if (debounce?.wait !== undefined) {
    const waitMs = durationMs(debounce.wait);
    const maxMs = debounce.maxWait === undefined ? waitMs : durationMs(debounce.maxWait);
    return merge(triggers, ({ atMs }, firstMs) => Math.min(atMs + waitMs, firstMs + maxMs));
  }
  const window = digest?.window;
  if (window?.case === "after") {
    const ms = durationMs(window.value);
    return merge(triggers, (_, firstMs) => firstMs + ms);
  }
  const rule = window?.case === "dailyAt" ? toDailyRule(window.value) : undefined;
  if (rule === undefined) return triggers.map((trigger) => ({ atMs: trigger.atMs, trigger }));
  return merge(triggers, (_, firstMs) => {
    const { closesAt } = toDigestWindow(rule, { itemId: "", now: new Date(firstMs), timeZone });
    return closesAt.getTime();
  });
}

/** @param findEnd when a message is made of those since the first, the newest included. */
function merge<T extends Timed>(triggers: readonly T[], findEnd: (newest: T, firstMs: number) => number): Moment<T>[] {
  const moments: Moment<T>[] = [];
  let firstMs = 0;
  for (const trigger of triggers) {
    const open = moments.at(-1);
    const isIn = open !== undefined && trigger.atMs < open.atMs;
    if (!isIn) firstMs = trigger.atMs;
    const moment = { atMs: findEnd(trigger, firstMs), trigger };
    if (isIn) moments[moments.length - 1] = moment;
    else moments.push(moment);
  }
  return moments;
}
