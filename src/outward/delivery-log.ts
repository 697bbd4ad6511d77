import { randomBytes } from "node:crypto";
import type { Metrics } from "../observe/index.ts";
import {
  findWebhookDeliveries,
  insertWebhookDeliveries,
  type Store,
  toDeliveryId,
  toPosition,
  type WebhookDeliveryDocument,
  type WebhookEndpointDocument,
} from "../store/index.ts";
import type { Waiting } from "./held-message.ts";
import type { Attempt } from "./post-webhook.ts";

/** So long an event is tried at least, and so often: a day is not enough if the courier slept through it. */
const TRIED_MS_MIN = 26 * 3_600_000;
const ATTEMPTS_MIN = 12;

/** Remembers what became of every attempt at one endpoint. */
export class DeliveryLog {
  readonly #store: Store;
  readonly #endpoint: WebhookEndpointDocument;

  readonly #metrics: Pick<Metrics, "webhookAttempts">;

  constructor(
    { store, metrics }: { readonly store: Store; readonly metrics: Pick<Metrics, "webhookAttempts"> },
    endpoint: WebhookEndpointDocument,
  ) {
    this.#store = store;
    this.#metrics = metrics;
    this.#endpoint = endpoint;
  }

  /** Returns when the attempts are on disk.
   *  @returns those that need no further one: delivered, or given up. The others count one attempt more. */
  async record(attempts: readonly (readonly [Waiting, Attempt])[]): Promise<Set<Waiting>> {
    const now = new Date();
    const tired = await this.#findTired(attempts, now);
    const settled = new Set(
      attempts.filter(([one, { isDelivered }]) => isDelivered || tired.has(one)).map(([one]) => one),
    );
    await insertWebhookDeliveries(
      this.#store,
      attempts.map(([one, attempt]) => this.#toDocument(one, attempt, { now, isGivenUp: tired.has(one) })),
    );
    for (const [one, attempt] of attempts) {
      one.attempt += 1;
      this.#metrics.webhookAttempts.inc({ result: toResult(attempt) });
    }
    return settled;
  }

  async #findTired(attempts: readonly (readonly [Waiting, Attempt])[], now: Date): Promise<Set<Waiting>> {
    const old = attempts
      .filter(([one, { isDelivered }]) => !isDelivered && one.attempt >= ATTEMPTS_MIN)
      .map(([one]) => one);
    const firstOf = (one: Waiting) => `${toDeliveryId(this.#endpoint, one.event.eventId)}:1`;
    const firsts = await findWebhookDeliveries(this.#store, old.map(firstOf));
    return new Set(
      old.filter((one) => now.getTime() - (firsts.get(firstOf(one))?.at ?? one.receivedAt).getTime() >= TRIED_MS_MIN),
    );
  }

  #toDocument(
    { event, attempt: number }: Waiting,
    { isDelivered, status, latencyMs, error }: Attempt,
    { now, isGivenUp }: { readonly now: Date; readonly isGivenUp: boolean },
  ): WebhookDeliveryDocument {
    const id = toDeliveryId(this.#endpoint, event.eventId);
    const at = new Date(now.getTime() - latencyMs);
    // One that is settled is found by its plain id. After a restart the numbers may come again: only the first must be found.
    const own = number === 1 ? "1" : `${number}:${randomBytes(4).toString("hex")}`;
    return {
      _id: isDelivered || isGivenUp ? id : `${id}:${own}`,
      workspaceId: this.#endpoint.workspaceId,
      endpointId: this.#endpoint._id,
      userId: event.userId,
      position: toPosition(at, `${event.eventId}:${number}`),
      eventId: event.eventId,
      attempt: number,
      at,
      status,
      latencyMs,
      error,
      isDelivered,
      isGivenUp,
    };
  }
}

const toResult = ({ isDelivered, status }: Attempt) => {
  if (isDelivered) return "delivered";
  return status === 0 ? "unanswered" : "refused";
};
