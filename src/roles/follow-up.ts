import { create, toBinary } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type DeliveryMessage, DeliveryMessageSchema } from "../../gen/intervention/v1/bus_pb.js";
import { type Event, EventKind, EventSchema } from "../../gen/intervention/v1/event_pb.js";
import {
  bury,
  PackedPublisher,
  type PutOff,
  packItems,
  putOff,
  toDispatchItem,
  toKindName,
  toLetterNumber,
} from "../bus/index.ts";
import { toOutsideChannel } from "../domain/delivery/channel-names.ts";
import { toCostTimes } from "../domain/delivery/message-cost.ts";
import {
  ATTEMPTS_MAX,
  type EndedAttempt,
  type NextStep,
  toGuarantee,
  toNextStep,
} from "../domain/delivery/next-step.ts";
import { toVariantName } from "../domain/experiment/to-assignment.ts";
import { toTemplateFields } from "../domain/template/index.ts";
import {
  attemptId,
  deliveryId,
  findProviderAccount,
  type ProviderAccountDocument,
  replaceProviderAccount,
} from "../store/index.ts";
import type { DeliverOptions } from "./deliver.ts";
import { findExpiry } from "./last-look.ts";
import type { Senders } from "./senders.ts";
import { toStageMs } from "./to-stage-ms.ts";

/** An attempt at a delivery that has come to an end. */
export type Ended = {
  readonly delivery: DeliveryMessage;
  readonly ended: EndedAttempt & { readonly providerMessageId: string };
};

/** A workspace without a provider has a day to get one. */
const HELD_MS_MAX = 86_400_000;
/** Others may change the same account meanwhile. */
const PAUSE_TRIES_MAX = 5;

const EVENT_KINDS = {
  sent: EventKind.SENT,
  failed: EventKind.FAILED,
  uncertain: EventKind.UNCERTAIN,
  expired: EventKind.EXPIRED,
} as const;

/** Does what follows from attempts that have ended. All of it can be done again without harm: events have ids of their own, and
 *  a delivery that comes back twice is claimed once. */
export class FollowUp {
  readonly #options: DeliverOptions & { readonly senders: Senders };
  readonly #dispatch: PackedPublisher;

  constructor(options: DeliverOptions & { readonly senders: Senders }) {
    this.#options = options;
    this.#dispatch = new PackedPublisher(options.bus);
  }

  /** Returns when everything is on disk. */
  async run(all: readonly Ended[]): Promise<void> {
    await this.#pauseRefused(all);
    const now = new Date();
    const steps = all.map((one) => ({ ...one, step: this.#toStep(one, now) }));
    const events: Event[] = [];
    const later: PutOff[] = [];
    const dead: { readonly delivery: DeliveryMessage; readonly reason: string }[] = [];
    for (const { delivery, ended, step } of steps) {
      if (step.kind === "again") later.push({ delivery: toNext(delivery, step), at: step.at });
      else {
        if (step.event !== undefined) {
          const event = toEvent(delivery, step.event, step.reason, now);
          events.push(
            step.event === "sent" ? withCost(event, delivery, this.#options.directory.find(ended.account)) : event,
          );
        }
        if (step.isDead) dead.push({ delivery, reason: step.reason });
      }
    }
    await Promise.all([
      this.#options.events.publish(events),
      this.#comeBack(later, now),
      ...dead.map(({ delivery, reason }) => this.#bury(delivery, reason)),
    ]);
  }

  /** Puts off what can't be attempted now; of what has waited too long already, or is too late by then, it says so.
   *  @param options.isEndless whether it waits for something that is sure to come. */
  async hold(waiting: readonly PutOff[], { isEndless }: { readonly isEndless: boolean }): Promise<void> {
    const now = new Date();
    const events: Event[] = [];
    const later: PutOff[] = [];
    const dead: DeliveryMessage[] = [];
    for (const one of waiting) {
      const { delivery } = one;
      const expiry = findExpiry(delivery, one.at);
      const since = delivery.decideTime === undefined ? now : timestampDate(delivery.decideTime);
      const isTooOld = !isEndless && now.getTime() - since.getTime() > HELD_MS_MAX;
      if (expiry !== undefined && expiry.outcome === "expired")
        events.push(toEvent(delivery, "expired", expiry.reason, now));
      else if (isTooOld) {
        events.push(toEvent(delivery, "failed", NO_PROVIDER, now));
        dead.push(delivery);
      } else later.push(one);
    }
    await Promise.all([
      this.#options.events.publish(events),
      this.#comeBack(later, now),
      ...dead.map((delivery) => this.#bury(delivery, NO_PROVIDER)),
    ]);
  }

  #toStep({ delivery, ended }: Ended, now: Date): NextStep {
    const { intervention } = delivery;
    const channel = toOutsideChannel(delivery.channel) ?? "email";
    const ready = this.#options.senders.listReady(intervention?.workspace ?? "", channel);
    return toNextStep(
      ended,
      {
        attempt: delivery.attempt,
        attemptsMax: delivery.attemptsMax,
        failedAccounts: delivery.failedAccounts,
        guarantee: toGuarantee(intervention?.policy),
        expireAt: intervention?.expireTime === undefined ? undefined : timestampDate(intervention.expireTime),
      },
      { now, random: Math.random(), accounts: ready.map(({ _id }) => _id) },
    );
  }

  /** What is due now goes to the end of its queue; the rest comes back at its time. */
  async #comeBack(waiting: readonly PutOff[], now: Date): Promise<void> {
    const { bus } = this.#options;
    const isDue = ({ at }: PutOff) => at <= now;
    await Promise.all([
      this.#dispatch.publish(waiting.filter(isDue).map(({ delivery }) => toDispatchItem(bus.subjects, delivery))),
      putOff(
        bus,
        waiting.filter((one) => !isDue(one)),
      ),
    ]);
  }

  /** Replayed, it gets as many attempts again. */
  async #bury(delivery: DeliveryMessage, reason: string): Promise<void> {
    const { bus, log } = this.#options;
    const again = create(DeliveryMessageSchema, {
      ...delivery,
      attempt: delivery.attempt + (reason === NO_PROVIDER ? 0 : 1),
      attemptsMax: delivery.attempt + ATTEMPTS_MAX,
      failedAccounts: [],
      decideTime: timestampFromDate(new Date()),
    });
    await bury(bus, {
      stream: "DISPATCH",
      subject: toDispatchItem(bus.subjects, again).subject,
      sequence: toNumber(delivery),
      data: packItems([toBinary(DeliveryMessageSchema, again)]),
      headers: undefined,
      reason: "failed",
      error: reason,
      attempts: delivery.attempt,
    });
    log.error(
      { event: "delivery_buried", interventionId: delivery.intervention?.interventionId, attempts: delivery.attempt },
      "a delivery that nobody takes went to the dead letters",
    );
  }

  /** An account whose credential is refused sends nothing more until somebody changes it. */
  async #pauseRefused(all: readonly Ended[]): Promise<void> {
    const refused = new Map<string, { readonly workspaceId: string; readonly reason: string }>();
    for (const { delivery, ended } of all)
      if (ended.outcome === "bad_credential")
        refused.set(ended.account, { workspaceId: delivery.intervention?.workspace ?? "", reason: ended.reason });
    for (const [id, { workspaceId, reason }] of refused) await this.#pause(id, workspaceId, reason);
    if (refused.size > 0) {
      await this.#options.directory.refresh();
      this.#options.directory.tell();
    }
  }

  async #pause(id: string, workspaceId: string, reason: string): Promise<void> {
    const { store, metrics, log, directory } = this.#options;
    const used = directory.find(id);
    for (let tries = 0; tries < PAUSE_TRIES_MAX; tries += 1) {
      const account = await findProviderAccount(store, workspaceId, id);
      // Somebody has changed it since it was used, or paused it already.
      if (account === undefined || account.state !== "active" || account.revision !== used?.revision) return;
      const paused = {
        ...account,
        state: "paused" as const,
        reason: `the provider refuses the credential: ${reason}`,
        revision: account.revision + 1,
        updatedAt: new Date(),
      };
      if (!(await replaceProviderAccount(store, paused))) continue;
      metrics.providersPaused.inc({ provider: account.provider });
      log.error(
        { event: "provider_paused", account: id, workspaceId, provider: account.provider },
        "a provider refuses an account's credential: the account is paused until it is changed",
      );
      return;
    }
  }
}

const NO_PROVIDER = "the workspace had no provider that could send it for a day";

function toNext(delivery: DeliveryMessage, step: Extract<NextStep, { kind: "again" }>): DeliveryMessage {
  const { attempt, attemptsMax, failedAccounts, maybeTwice } = step;
  return create(DeliveryMessageSchema, {
    ...delivery,
    ...{ attempt, attemptsMax },
    failedAccounts: [...failedAccounts],
    // Once it may have come through, every attempt after it may be the second.
    maybeTwice: delivery.maybeTwice || maybeTwice,
  });
}

function toEvent(delivery: DeliveryMessage, kind: keyof typeof EVENT_KINDS, reason: string, at: Date): Event {
  const { intervention, channel } = delivery;
  return create(EventSchema, {
    eventId: `${intervention?.interventionId}:${toKindName(EVENT_KINDS[kind])}${toSuffix(delivery)}`,
    kind: EVENT_KINDS[kind],
    workspace: intervention?.workspace ?? "",
    interventionId: intervention?.interventionId ?? "",
    userId: intervention?.recipient?.userId ?? "",
    campaign: intervention?.campaign ?? "",
    channel,
    occurTime: timestampFromDate(at),
    receiveTime: timestampFromDate(at),
    reason: kind === "sent" ? "" : reason,
    stageMs: kind === "sent" ? toStageMs(delivery.decideTime, at) : 0n,
    traceParent: intervention?.traceParent ?? "",
    segments: delivery.segments,
    ...(delivery.template === undefined ? {} : toTemplateFields(delivery.template)),
    variant: toVariantName(intervention?.experiments ?? []),
  });
}

/** With what its provider takes for it. */
function withCost(event: Event, delivery: DeliveryMessage, account: ProviderAccountDocument | undefined): Event {
  const { channel, intervention, template } = delivery;
  if (account?.cost === undefined || intervention === undefined) return event;
  const { currency, micros } = account.cost;
  const costMicros = BigInt(micros * toCostTimes(channel, intervention, template));
  return create(EventSchema, { ...event, currency, costMicros });
}

/** An intervention is sent once, and by its fallbacks again, once a channel. */
const toSuffix = ({ intervention, channel }: DeliveryMessage) =>
  (intervention?.fallback ?? 0) > 0 ? `:${toOutsideChannel(channel)}` : "";

/** Stands for a delivery's attempt where a number is wanted: letters about the same one are one letter. */
function toNumber(delivery: DeliveryMessage): number {
  const channel = toOutsideChannel(delivery.channel) ?? "email";
  const id = attemptId(deliveryId(delivery.intervention?.interventionId ?? "", channel), delivery.attempt);
  return toLetterNumber(id);
}
