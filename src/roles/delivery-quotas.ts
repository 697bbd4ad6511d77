import type { DeliveryMessage } from "../../gen/intervention/v1/bus_pb.js";
import type { OutsideChannelName } from "../domain/delivery/channel-names.ts";
import { toQuotaDay } from "../domain/limit/quota-day.ts";
import { QuotaLedger } from "../integrations/quota-ledger.ts";
import type { DeliverOptions } from "./deliver.ts";

type Counted = { readonly delivery: DeliveryMessage; readonly id: string; readonly channel: OutsideChannelName };

/** What a day's quota has room for, and when the next one begins. */
type Claimed<T> = { readonly within: readonly T[]; readonly beyond: readonly T[]; readonly endsAt: Date };

/** Keeps a workspace's deliveries within what it spends a day. A delivery counts once, from its first attempt on. */
export class DeliveryQuotas {
  readonly #options: Pick<DeliverOptions, "findQuota" | "log">;
  readonly #ledger: QuotaLedger;

  constructor(options: Pick<DeliverOptions, "findQuota" | "log" | "store">) {
    this.#options = options;
    this.#ledger = new QuotaLedger(options.store);
  }

  /** Of deliveries of one workspace on one channel, those that may go out today. */
  async claim<T extends Counted>(members: readonly T[]): Promise<Claimed<T>> {
    const now = new Date();
    const [one] = members;
    if (one === undefined) return { within: [], beyond: [], endsAt: now };
    const { channel } = one;
    const workspaceId = one.delivery.intervention?.workspace ?? "";
    const quota = this.#options.findQuota(workspaceId, channel);
    if (quota === undefined) return { within: members, beyond: [], endsAt: now };
    const { day, endsAt } = toQuotaDay(now, quota.timeZone);
    const first = members.filter(isFirst).map(({ id }) => id);
    const granted = await this.#ledger.claim({ workspaceId, channel, day }, quota.perDay, first, now);
    const isWithin = (one: T) => !isFirst(one) || granted.has(one.id);
    const beyond = members.filter((one) => !isWithin(one));
    if (beyond.length > 0)
      this.#options.log.warn(
        { event: "quota_used_up", workspaceId, channel, day, held: beyond.length },
        "a day's quota is used up: deliveries wait for the next day",
      );
    return { within: members.filter(isWithin), beyond, endsAt };
  }

  /** Of deliveries that no provider will get. */
  async giveBack(members: readonly Counted[]): Promise<void> {
    for (const { delivery, id, channel } of members.filter(isFirst)) {
      const workspaceId = delivery.intervention?.workspace ?? "";
      if (this.#options.findQuota(workspaceId, channel) !== undefined) await this.#ledger.giveBack(workspaceId, id);
    }
  }
}

const isFirst = ({ delivery }: Counted) => delivery.attempt === 1;
