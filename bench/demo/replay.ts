import { setTimeout as delay } from "node:timers/promises";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { InterventionService, TriggerResult } from "../../gen/intervention/v1/intervention_service_pb.js";
import { isPassing, untilAnswered } from "../call-engine.ts";
import type { Purchase } from "../cdnow.ts";
import type { Account } from "./account.ts";

export type ReplayOptions = {
  readonly purchases: readonly Purchase[];
  readonly interventions: Client<typeof InterventionService>;
  readonly account: Account;
  readonly now: () => number;
  /** Purchases a second; calls that take longer make it slower, never faster. */
  readonly rate: number;
  /** A call or a part of it failed in passing, and is repeated. */
  readonly onRetry: () => void;
};

const batchMax = 100;
const inFlightMax = 8;

/** Sends every purchase until it is accepted, in order of date. A repeated call has the same idempotency keys, so that it does not
 *  matter how much of the one before got through.
 *  @throws ConnectError when one is refused for good. */
export async function replay(options: ReplayOptions): Promise<void> {
  const startMs = options.now();
  const inFlight = new Set<Promise<void>>();
  for (let first = 0; first < options.purchases.length; first += batchMax) {
    const dueMs = startMs + (first / options.rate) * 1_000;
    if (dueMs > options.now()) await delay(dueMs - options.now());
    while (inFlight.size >= inFlightMax) await Promise.race(inFlight);
    const call = sendBatch(options, options.purchases.slice(first, first + batchMax)).finally(() =>
      inFlight.delete(call),
    );
    inFlight.add(call);
  }
  await Promise.all(inFlight);
}

async function sendBatch(options: ReplayOptions, batch: readonly Purchase[]): Promise<void> {
  const { account, interventions, now, onRetry } = options;
  let rest = batch;
  for (const purchase of batch) account.send(purchase, now());
  await untilAnswered(async () => {
    const { results } = await interventions.triggerBatch({ requests: rest.map(toRequest) });
    const failed: { readonly purchase: Purchase; readonly error: ConnectError }[] = [];
    rest.forEach((purchase, i) => {
      const outcome = toOutcome(results[i]);
      if (outcome instanceof ConnectError) failed.push({ purchase, error: outcome });
      else account.accept(purchase, outcome);
    });
    rest = failed.map(({ purchase }) => purchase);
    const worst = failed.find(({ error }) => !isPassing(error.code)) ?? failed[0];
    if (worst !== undefined) throw worst.error;
  }, onRetry);
}

function toOutcome(result: TriggerResult | undefined): string | ConnectError {
  if (result?.result.case === "response") return result.result.value.interventionId;
  if (result?.result.case !== "error") return new ConnectError("a request of the batch has no result", Code.Internal);
  return new ConnectError(result.result.value.message, result.result.value.code);
}

function toRequest({ line, customer, date, cds, cents }: Purchase) {
  const plural = cds === 1 ? "CD" : "CDs";
  return {
    // Two purchases alike on one day are two purchases: only the line tells them apart.
    idempotencyKey: `cdnow-${line}`,
    recipient: { userId: customer },
    campaign: "thank-you",
    content: {
      title: `Thank you for your ${cds} ${plural}`,
      body: `Your order of ${date} over $${(cents / 100).toFixed(2)} is on its way.`,
      data: { line, cds, cents, date },
    },
  };
}
