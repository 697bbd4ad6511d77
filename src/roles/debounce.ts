import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationMs, timestampDate, timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { type BurstMessage, BurstMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import type { TriggerSource } from "../../gen/intervention/v1/campaign_pb.js";
import { type Bus, findScheduled, replaceScheduled, toSubjectToken } from "../bus/index.ts";
import { Unavailable } from "../domain/errors.ts";
import type { LiveCampaign } from "../integrations/campaign-directory.ts";
import { entryId, findSettled, type Store } from "../store/index.ts";
import type { Happening } from "./triggers.ts";

/** A trigger that waits for others to follow. */
export type Arming = { readonly live: LiveCampaign; readonly happening: Happening; readonly source: TriggerSource };

/** Others may write the same burst at the same time; each time one of them gets through. */
const ATTEMPTS_MAX = 20;

/** Makes one decision of a burst of triggers (trailing debounce): the newest counts, when no other came for `wait`, or `max_wait` after
 *  the first. The burst is one scheduled message, which each trigger replaces, so that it survives whoever wrote it:
 *
 *     calm ──trigger──► burst (due = now + wait) ──trigger──► burst (due = min(now + wait, start + max_wait)) ──due──► decided
 *
 *  A repeated trigger does nothing: it is no newer than the burst, or than what a burst before has settled. */
export class Debouncer {
  readonly #options: { readonly bus: Bus; readonly store: Store; readonly now: () => Date };

  constructor(options: { readonly bus: Bus; readonly store: Store; readonly now: () => Date }) {
    this.#options = options;
  }

  /** Returns when every burst is on disk.
   *  @throws Unavailable when some may not be; trying again is safe. */
  async arm(armings: readonly Arming[]): Promise<void> {
    if (armings.length === 0) return;
    const groups = Map.groupBy(armings, ({ live, happening: { workspaceId, userId } }) =>
      entryId({ workspaceId, userId, campaignId: live.campaign.campaignId }),
    );
    const settled = await findSettled(this.#options.store, [...groups.keys()]);
    await Promise.all(
      [...groups].map(async ([id, group]) => {
        const fresh = group
          .filter(({ happening }) => happening.at.getTime() > (settled.get(id)?.getTime() ?? 0))
          .sort((a, b) => a.happening.at.getTime() - b.happening.at.getTime());
        const [first, last] = [fresh[0], fresh.at(-1)];
        if (first !== undefined && last !== undefined) await this.#armOne(first, last);
      }),
    );
  }

  async #armOne(first: Arming, last: Arming): Promise<void> {
    const { bus, now } = this.#options;
    const { workspaceId, userId, at } = last.happening;
    const { campaignId, debounce } = last.live.campaign;
    const waitMs = debounce?.wait === undefined ? 0 : durationMs(debounce.wait);
    const maxWaitMs = debounce?.maxWait === undefined ? waitMs : durationMs(debounce.maxWait);
    const user = toSubjectToken(userId);
    const subject = bus.subjects.burst(workspaceId, campaignId, user);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const found = await findScheduled(bus, subject);
      const standing = found === undefined ? undefined : fromBinary(BurstMessageSchema, found.data);
      if (standing?.lastTime !== undefined && timestampMs(standing.lastTime) >= at.getTime()) return;
      const start = standing?.startTime === undefined ? now() : timestampDate(standing.startTime);
      const due = new Date(Math.min(now().getTime() + waitMs, start.getTime() + maxWaitMs));
      const burst: BurstMessage = create(BurstMessageSchema, {
        workspace: workspaceId,
        campaign: campaignId,
        userId,
        firstId: standing?.firstId ?? first.happening.id,
        startTime: timestampFromDate(start),
        lastTime: timestampFromDate(at),
        last: last.source,
        dueTime: timestampFromDate(due),
      });
      const isOurs = await replaceScheduled(bus, {
        subject,
        target: bus.subjects.calm(workspaceId, campaignId, user),
        data: toBinary(BurstMessageSchema, burst),
        at: due,
        after: found?.sequence ?? 0,
      });
      if (isOurs) return;
    }
    throw new Unavailable("bus", { cause: new Error(`a burst was written by others ${ATTEMPTS_MAX} times`) });
  }
}
